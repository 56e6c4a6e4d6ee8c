//! Behaviors as they run.

use crate::config;
use crate::origin::Origin;
use selvedge_caching::Policy;
use selvedge_runtime::{Hook, Plugin};
use std::sync::Arc;

/// One behavior with what it refers to.
pub struct Behavior {
    /// [`Behavior::made_by`].
    made_by: u64,
    settings: config::Behavior,
    origin: Arc<Origin>,
    /// For each hook the plugins that have it, in the order in which they run.
    by_hook: [Vec<Arc<Plugin>>; Hook::ALL.len()],
    is_plain_for_viewers: bool,
}

impl Behavior {
    /// A behavior whose indices mean these origins and plugins; `None` if its origin is not there.
    pub(super) fn new(
        settings: &config::Behavior,
        origins: &[Arc<Origin>],
        plugins: &[Arc<Plugin>],
    ) -> Option<Behavior> {
        let with = |hook: Hook| {
            let named = settings.plugins.iter();
            let named = named.filter_map(|index| plugins.get(*index));
            named.filter(|plugin| plugin.has(hook)).cloned().collect()
        };
        let by_hook: [Vec<_>; Hook::ALL.len()] = Hook::ALL.map(with);
        let is_empty = |hook: Hook| by_hook.get(hook as usize).is_none_or(Vec::is_empty);
        let at_viewers = [Hook::ViewerRequest, Hook::CacheKey, Hook::ViewerResponse];
        Some(Behavior {
            made_by: made_by(&by_hook),
            origin: origins.get(settings.origin)?.clone(),
            is_plain_for_viewers: at_viewers.into_iter().all(is_empty),
            by_hook,
            settings: settings.clone(),
        })
    }

    /// Settings of the file.
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

    /// Returns true if it has plugins, which could ask where viewers are.
    pub fn has_plugins(&self) -> bool {
        !self.settings.plugins.is_empty()
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

    /// Returns true if no plugin has a say on the viewer's side: key and look-up alone decide about a hit.
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
