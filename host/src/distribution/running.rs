//! One distribution as it runs, and how it follows the one before.

use super::behavior::Behavior;
use super::hosts::Hosts;
use super::plugins::{self, LoadedPlugin};
use super::trust::{MAX_CA_FILE, trusting};
use super::work::{Builder, Work};
use crate::config::{self, Problem};
use crate::files::{Digest, Ledger};
use crate::origin::Origin;
use selvedge_runtime::{Masks, Plugin, Scheme};
use std::sync::Arc;

/// One distribution, ready to serve.
pub struct Distribution {
    id: Arc<str>,
    settings: Arc<config::Distribution>,
    origins: Vec<Trusting>,
    hosts: Arc<Hosts>,
    loaded: Vec<LoadedPlugin>,
    plugins: Vec<Arc<Plugin>>,
    /// The secrets of all its plugins: keys have what several of them gave.
    masks: Masks,
    behaviors: Vec<Arc<Behavior>>,
}

/// All that is wrong with what a distribution names.
pub(super) struct NotBuilt {
    pub(super) problems: Vec<Problem>,
    /// True if this machine failed, and the next try may succeed.
    pub(super) machine_failed: bool,
}

/// An origin, with the digest of its `ca_file`.
#[derive(Clone)]
struct Trusting {
    origin: Arc<Origin>,
    digest: Option<Digest>,
}

impl Trusting {
    /// Returns true if the `ca_file` is the one that it was made from.
    fn is_current(&self, settings: &config::Origin, ledger: &mut Ledger) -> bool {
        match &settings.ca_file {
            Some(file) => self.digest.is_some() && self.digest == ledger.digest(file, MAX_CA_FILE),
            None => true,
        }
    }
}

impl Distribution {
    /// Makes a distribution of what its file says. Itself, if nothing has changed since `before` was made: neither what the
    /// file says nor the content of a file that it names. Otherwise its parts that have not changed are taken over: origins
    /// with their connections, plugins with all that is remembered of them. Blocking: plugins may have to be compiled.
    ///
    /// # Errors
    /// All that is wrong with what it names.
    pub(super) fn build(
        builder: &Builder,
        ledger: &mut Ledger,
        settings: &Arc<config::Distribution>,
        before: Option<&Arc<Distribution>>,
    ) -> Result<Arc<Distribution>, NotBuilt> {
        // Another id is another distribution: its plugins know the id.
        let before = before.filter(|before| before.settings.id.value == settings.id.value);
        if let Some(before) = before
            && before.is_current(settings, ledger)
        {
            return Ok(before.clone());
        }
        let mut work = builder.work(ledger);
        let old_plugins = before.map_or_else(Vec::new, |before| {
            before.settings.plugins.iter().zip(&before.loaded).collect()
        });
        let loaded = plugins::load(&mut work, settings, &old_plugins);
        let old_origins = before.map_or(&[][..], |before| &before.origins);
        let origins = origins(&mut work, settings, old_origins);
        if !work.problems.is_empty() {
            return Err(NotBuilt {
                problems: work.problems,
                machine_failed: work.machine_failed,
            });
        }
        let allowed = &settings.allowed_hosts;
        let hosts = before.filter(|before| before.settings.allowed_hosts == *allowed);
        let hosts = hosts.map_or_else(
            || {
                let allowed = allowed.iter().map(|pattern| pattern.value.clone());
                Arc::new(Hosts::new(allowed.collect(), builder.web.clone()))
            },
            |before| before.hosts.clone(),
        );
        Ok(Arc::new(Distribution::new(
            settings, origins, hosts, loaded,
        )))
    }

    fn new(
        settings: &Arc<config::Distribution>,
        origins: Vec<Trusting>,
        hosts: Arc<Hosts>,
        loaded: Vec<LoadedPlugin>,
    ) -> Distribution {
        let plugins: Vec<Arc<Plugin>> = loaded.iter().map(|one| one.plugin.clone()).collect();
        let servers: Vec<Arc<Origin>> = origins.iter().map(|one| one.origin.clone()).collect();
        let behaviors = settings.behaviors.iter();
        let behaviors = behaviors.filter_map(|behavior| {
            let behavior = Behavior::new(behavior, &servers, &plugins)?;
            Some(Arc::new(behavior))
        });
        Distribution {
            id: settings.id.as_str().into(),
            behaviors: behaviors.collect(),
            settings: settings.clone(),
            origins,
            hosts,
            masks: Masks::together(plugins.iter().map(|plugin| plugin.masks())),
            plugins,
            loaded,
        }
    }

    fn is_current(&self, settings: &Arc<config::Distribution>, ledger: &mut Ledger) -> bool {
        let is_same = Arc::ptr_eq(&self.settings, settings) || *self.settings == **settings;
        let mut plugins = self.settings.plugins.iter().zip(&self.loaded);
        let mut origins = self.settings.origins.iter().zip(&self.origins);
        is_same
            && plugins.all(|(entry, loaded)| loaded.is_current(entry, ledger))
            && origins.all(|(settings, origin)| origin.is_current(settings, ledger))
    }

    /// Closes origin connections that were idle for longer than their origin's keep-alive timeout.
    pub(super) fn close_idle(&self) {
        for origin in &self.origins {
            origin.origin.close_idle();
        }
        self.hosts.close_idle();
    }

    /// The id from its file.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// Settings of its file.
    pub fn settings(&self) -> &Arc<config::Distribution> {
        &self.settings
    }

    /// Returns true if it serves viewers.
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

    /// The object that `/` stands for.
    pub fn default_root_object(&self) -> Option<&str> {
        self.settings.default_root_object.as_deref()
    }

    /// The behavior for a path as the viewer sent it.
    pub fn behavior_for(&self, path: &str) -> &Arc<Behavior> {
        let path = config::normalise(path);
        let matching = self
            .behaviors
            .iter()
            .find(|behavior| behavior.settings().pattern.matches(&path));
        matching
            .or(self.behaviors.last())
            .expect("the configuration gives every distribution a default behavior")
    }

    /// The origin with this id.
    pub fn origin(&self, id: &str) -> Option<&Arc<Origin>> {
        {
            let mut origins = self.origins.iter().map(|one| &one.origin);
            origins.find(|origin| origin.id() == id)
        }
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
        let ids: Vec<&str> = self.origins.iter().map(|one| one.origin.id()).collect();
        ids.join(", ")
    }
}

/// The origins of a distribution. Those of `before` are taken over if nothing has changed for them.
fn origins(
    work: &mut Work<'_>,
    settings: &config::Distribution,
    before: &[Trusting],
) -> Vec<Trusting> {
    let mut origins = Vec::new();
    for settings in &settings.origins {
        let known = before.iter().find(|known| {
            known.origin.settings() == settings && known.is_current(settings, work.ledger)
        });
        match known {
            Some(known) => origins.push(known.clone()),
            None => origins.extend(trusting(work, settings.ca_file.as_ref()).map(
                |(tls, digest)| Trusting {
                    origin: Arc::new(Origin::new(settings.clone(), tls)),
                    digest,
                },
            )),
        }
    }
    origins
}

/// All that is wrong with what a distribution names, even one that has errors itself. Blocking, as [`Distribution::build`].
pub(super) fn problems(
    builder: &Builder,
    ledger: &mut Ledger,
    settings: &config::Distribution,
) -> Vec<Problem> {
    let mut work = builder.work(ledger);
    plugins::load(&mut work, settings, &[]);
    origins(&mut work, settings, &[]);
    work.problems
}
