//! Distributions as they run: the configuration, its plugins loaded, its origins with their connections.
//!
//! A [`Plan`] is made whole or not at all ([`Plan::build`]) and is never changed afterwards: a running host swaps one for
//! another, and requests under way end under the one that they began with.
#![expect(
    clippy::disallowed_methods,
    reason = "a plan is made on a thread that may block"
)]

mod backends;
mod geo;
mod grants;
mod hosts;
mod plugins;

pub use grants::{Keeps, KeepsNothing};
pub use plugins::{NotLoaded, load_alone};

use crate::config::{self, Alias, Config, Placed, Report};
use crate::origin::{Origin, Tls};
use geo::Geo;
use hosts::Hosts;
use selvedge_caching::Policy;
use selvedge_runtime::capabilities;
use selvedge_runtime::{Hook, Masks, Plugin, Runtime, Scheme};
use std::path::PathBuf;
use std::sync::Arc;

/// A whole configuration, ready to serve.
pub struct Plan {
    config: Config,
    distributions: Vec<Arc<Distribution>>,
    geo: Option<Arc<Geo>>,
}

/// One distribution, ready to serve.
pub struct Distribution {
    id: Arc<str>,
    settings: config::Distribution,
    origins: Vec<Arc<Origin>>,
    hosts: Hosts,
    plugins: Vec<Arc<Plugin>>,
    /// The secrets of all its plugins: keys have what several of them gave.
    masks: Masks,
    behaviors: Vec<Arc<Behavior>>,
}

/// One behavior with what it refers to.
pub struct Behavior {
    /// [`Behavior::made_by`].
    made_by: u64,
    settings: config::Behavior,
    origin: Arc<Origin>,
    /// Who knows where viewers are, if it has plugins that could ask.
    geo: Option<Arc<dyn capabilities::Geo>>,
    /// For each hook the plugins that have it, in the order in which they run.
    by_hook: [Vec<Arc<Plugin>>; Hook::ALL.len()],
    is_plain_for_viewers: bool,
}

impl Plan {
    /// Loads the plugins, certificates, secrets and geo databases of a configuration. Blocking: plugins may have to be compiled.
    /// `keeps` is what the host keeps for plugins.
    ///
    /// # Errors
    /// All that is wrong with any of them, at the places of the files that name them.
    pub fn build(config: Config, runtime: &Runtime, keeps: &dyn Keeps) -> Result<Plan, Report> {
        Plan::following(None, config, runtime, keeps)
    }

    /// The same for a configuration that follows another: geo databases that have not changed are not read again.
    ///
    /// # Errors
    /// As [`Plan::build`].
    pub fn following(
        before: Option<&Plan>,
        config: Config,
        runtime: &Runtime,
        keeps: &dyn Keeps,
    ) -> Result<Plan, Report> {
        let mut problems = Vec::new();
        let known = before.and_then(|before| before.geo.as_deref());
        let geo = Geo::read(&config, known, &mut problems);
        let web = Arc::new(Tls::web());
        let mut distributions = Vec::new();
        for settings in &config.distributions {
            let plugins = plugins::load(&config, settings, runtime, keeps, &web, &mut problems);
            let origins = origins(&config, settings, &web, &mut problems);
            if problems.is_empty() {
                distributions.push(Arc::new(Distribution::new(
                    settings.clone(),
                    origins,
                    Hosts::new(allowed_hosts(settings), web.clone()),
                    plugins,
                    geo.as_ref(),
                )));
            }
        }
        if problems.is_empty() {
            runtime.tidy();
            Ok(Plan {
                config,
                distributions,
                geo,
            })
        } else {
            Err(config.report(problems))
        }
    }

    /// All that is wrong with what a configuration names, even one that has errors itself. Blocking, as [`Plan::build`].
    pub fn problems(config: &Config, runtime: &Runtime) -> Vec<config::Problem> {
        let mut problems = Vec::new();
        Geo::read(config, None, &mut problems);
        let web = Arc::new(Tls::web());
        for settings in &config.distributions {
            plugins::load(
                config,
                settings,
                runtime,
                &KeepsNothing,
                &web,
                &mut problems,
            );
            origins(config, settings, &web, &mut problems);
        }
        problems
    }

    /// The configuration that it was made from.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// All distributions, disabled ones included.
    pub fn distributions(&self) -> &[Arc<Distribution>] {
        &self.distributions
    }

    /// The distribution for a host name in lower case, without a port.
    pub fn distribution_for(&self, host: &str) -> Option<&Arc<Distribution>> {
        self.distributions.get(self.config.hosts.find(host)?)
    }

    /// Closes origin connections that were idle for longer than their origin's keep-alive timeout.
    pub fn close_idle(&self) {
        for distribution in &self.distributions {
            for origin in &distribution.origins {
                origin.close_idle();
            }
            distribution.hosts.close_idle();
        }
    }
}

impl Distribution {
    fn new(
        settings: config::Distribution,
        origins: Vec<Arc<Origin>>,
        hosts: Hosts,
        plugins: Vec<Arc<Plugin>>,
        geo: Option<&Arc<Geo>>,
    ) -> Distribution {
        let behaviors = settings
            .behaviors
            .iter()
            .filter_map(|behavior| {
                let with = |hook: Hook| {
                    let named = behavior
                        .plugins
                        .iter()
                        .filter_map(|index| plugins.get(*index));
                    named.filter(|plugin| plugin.has(hook)).cloned().collect()
                };
                let by_hook: [Vec<_>; Hook::ALL.len()] = Hook::ALL.map(with);
                let is_empty = |hook: Hook| by_hook.get(hook as usize).is_none_or(Vec::is_empty);
                let at_viewers = [Hook::ViewerRequest, Hook::CacheKey, Hook::ViewerResponse];
                let made_by = made_by(&by_hook);
                Some(Arc::new(Behavior {
                    made_by,
                    origin: origins.get(behavior.origin)?.clone(),
                    geo: geo
                        .filter(|_| !behavior.plugins.is_empty())
                        .map(|geo| geo.clone() as _),
                    is_plain_for_viewers: at_viewers.into_iter().all(is_empty),
                    by_hook,
                    settings: behavior.clone(),
                }))
            })
            .collect();
        Distribution {
            id: settings.id.as_str().into(),
            settings,
            origins,
            hosts,
            masks: Masks::together(plugins.iter().map(|plugin| plugin.masks())),
            plugins,
            behaviors,
        }
    }

    /// The id from its file.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// What its file says.
    pub fn settings(&self) -> &config::Distribution {
        &self.settings
    }

    /// Whether it serves viewers.
    pub fn enabled(&self) -> bool {
        self.settings.enabled
    }

    /// Its plugins, in the order of the file.
    pub fn plugins(&self) -> &[Arc<Plugin>] {
        &self.plugins
    }

    /// Makes the secrets of its plugins unreadable.
    pub fn masks(&self) -> &Masks {
        &self.masks
    }

    /// What `/` stands for.
    pub fn default_root_object(&self) -> Option<&str> {
        self.settings.default_root_object.as_deref()
    }

    /// The behavior for a path as the viewer sent it.
    pub fn behavior_for(&self, path: &str) -> &Arc<Behavior> {
        let path = config::normalise(path);
        let matching = self
            .behaviors
            .iter()
            .find(|behavior| behavior.settings.pattern.matches(&path));
        matching
            .or(self.behaviors.last())
            .expect("the configuration gives every distribution a default behavior")
    }

    /// The origin with this id.
    pub fn origin(&self, id: &str) -> Option<&Arc<Origin>> {
        self.origins.iter().find(|origin| origin.id() == id)
    }

    /// The origin that an allowed host is, for origin-selection hooks.
    ///
    /// # Errors
    /// Why it may not be asked, in words.
    pub fn host(
        &self,
        scheme: Scheme,
        name: &str,
        port: Option<u16>,
    ) -> Result<Arc<Origin>, String> {
        self.hosts.find(scheme, name, port)
    }

    /// The ids of all origins, for messages.
    pub fn origin_ids(&self) -> String {
        let ids: Vec<&str> = self.origins.iter().map(|origin| origin.id()).collect();
        ids.join(", ")
    }
}

impl Behavior {
    /// What the file says.
    pub fn settings(&self) -> &config::Behavior {
        &self.settings
    }

    /// Lifetimes and bounds.
    pub fn policy(&self) -> &Policy {
        &self.settings.policy
    }

    /// The origin where no plugin chooses another.
    pub fn origin(&self) -> &Arc<Origin> {
        &self.origin
    }

    /// Who knows where viewers are; `None` where nobody does, or no plugin could ask.
    pub fn geo(&self) -> Option<&Arc<dyn capabilities::Geo>> {
        self.geo.as_ref()
    }

    /// Returns true if responses may be stored: the policy's longest lifetime is not 0, or a ttl hook may set another.
    pub fn may_store(&self) -> bool {
        self.settings.policy.max_ttl > 0 || !self.plugins_with(Hook::Ttl).is_empty()
    }

    /// Returns the plugins that have a say in what is stored, as one number: others give another number.
    pub fn made_by(&self) -> u64 {
        self.made_by
    }

    /// Returns true if origins are asked for content without a coding: a plugin may change bodies, and none can decode them.
    pub fn asks_for_identity(&self) -> bool {
        !self.plugins_with(Hook::OriginResponse).is_empty()
    }

    /// Whether no plugin has a say on the viewer's side: key and look-up alone decide about a hit.
    pub fn is_plain_for_viewers(&self) -> bool {
        self.is_plain_for_viewers
    }

    /// The plugins with this hook, in the order in which they run.
    pub fn plugins_with(&self, hook: Hook) -> &[Arc<Plugin>] {
        // `Hook::ALL` has the hooks in the order of their numbers.
        self.by_hook.get(hook as usize).map_or(&[], Vec::as_slice)
    }
}

/// The plugins of one behavior that change or judge what is stored, with their configuration, in their order; 0 for none.
fn made_by(by_hook: &[Vec<Arc<Plugin>>; Hook::ALL.len()]) -> u64 {
    let mut digest = blake3::Hasher::new();
    let mut any = false;
    for hook in [Hook::OriginRequest, Hook::OriginResponse, Hook::Ttl] {
        for plugin in by_hook.get(hook as usize).into_iter().flatten() {
            any = true;
            digest.update(&[hook as u8]).update(plugin.digest());
        }
    }
    let digest = digest.finalize();
    let first = digest.as_bytes().first_chunk().copied();
    u64::from_be_bytes(first.filter(|_| any).unwrap_or_default())
}

fn origins(
    config: &Config,
    settings: &config::Distribution,
    web: &Arc<Tls>,
    problems: &mut Vec<config::Problem>,
) -> Vec<Arc<Origin>> {
    let mut origins = Vec::new();
    for origin in &settings.origins {
        match trusting(config, origin.ca_file.as_ref(), web) {
            Ok(tls) => origins.push(Arc::new(Origin::new(origin.clone(), tls))),
            Err(problem) => problems.push(*problem),
        }
    }
    origins
}

/// Whom to trust: the authorities of a `ca_file`, or the web's.
fn trusting(
    config: &Config,
    ca_file: Option<&Placed<PathBuf>>,
    web: &Arc<Tls>,
) -> Result<Arc<Tls>, Box<config::Problem>> {
    let Some(file) = ca_file else {
        return Ok(web.clone());
    };
    std::fs::read(file.as_path())
        .map_err(|e| format!("it can't be read: {e}"))
        .and_then(|pem| Tls::from_pem(&pem))
        .map(Arc::new)
        .map_err(|why| {
            let message = format!("{} gives no certificates: {why}", file.display());
            Box::new(config.problem(&file.at, message).help(
                "`ca_file` names a PEM file with the certificates of the authority that signed the server's",
            ))
        })
}

fn allowed_hosts(settings: &config::Distribution) -> Vec<Alias> {
    let allowed = settings.allowed_hosts.iter();
    allowed.map(|pattern| pattern.value.clone()).collect()
}
