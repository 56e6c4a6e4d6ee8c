//! Calls of one hook.

use std::pin::Pin;

use crate::facts::{Read, RequestFacts};
use crate::fault::Fault;
use crate::hook::Hook;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::remember::Remembered;

/// Why a guest that came to its end gave no decision.
pub(crate) enum Refused {
    /// It returned an error; its own words.
    Guest(String),
    /// It returned what cannot be carried out.
    Fault(Fault),
}

/// Calls of one hook.
pub(crate) trait HookCall {
    /// Which one.
    const HOOK: Hook;

    /// True if a decision may hold content.
    const RETURNS_CONTENT: bool = false;

    /// Its decision.
    type Decision: Send;

    /// Returns the decision of a pristine instance on such a request, if it is remembered.
    fn recall(_plugin: &Plugin, _request: &RequestFacts) -> Option<Remembered<Self::Decision>> {
        None
    }

    /// Remembers what a pristine instance decided, if it may be.
    fn keep(
        _plugin: &Plugin,
        _request: &RequestFacts,
        _reads: &[Read],
        _decision: &Self::Decision,
    ) {
    }

    /// Calls the export of an instance that has been given the facts.
    fn run(
        instance: &mut Instance,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Decision, Refused>>> + Send;

    /// Bytes of what a decision says, for the limit on output.
    fn size(decision: &Self::Decision) -> u64;

    /// Bytes of content in a decision, for the limit on bodies.
    fn body_size(_decision: &Self::Decision) -> u64 {
        0
    }

    /// Returns true if a decision holds something of its instance, which has to be given back.
    fn holds_instance(_decision: &Self::Decision) -> bool {
        false
    }
}

/// Runs a hook whose decision was remembered, for what that leaves in the instance.
pub(crate) type Replay =
    for<'i> fn(&'i mut Instance) -> Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + 'i>>;

/// The replay of one hook.
pub(crate) fn replay<C: HookCall>(
    instance: &mut Instance,
) -> Pin<Box<dyn Future<Output = wasmtime::Result<()>> + Send + '_>> {
    Box::pin(async move { C::run(instance).await.map(drop) })
}

/// Finds the export of a hook, once for each instance: `found!(instance, cache_key)` gives the guest and its store.
macro_rules! found {
    ($instance:expr, $hook:ident) => {{
        let $crate::instance::Instance {
            store,
            instance,
            guests,
            linked,
            ..
        } = $instance;
        let guest = match &mut guests.$hook {
            Some(guest) => guest,
            empty => {
                let indices = linked
                    .indices
                    .$hook
                    .as_ref()
                    .ok_or_else($crate::hooks::call::missing)?;
                empty.insert(indices.load(&mut *store, instance)?)
            }
        };
        (guest, store)
    }};
}
pub(crate) use found;

/// For hooks that were not looked up; a transaction does not ask for those.
pub(crate) fn missing() -> wasmtime::Error {
    wasmtime::Error::msg("the plugin does not export this hook")
}

/// The sizes of lists of texts.
pub(super) fn total<T: AsRef<[u8]>>(texts: &[T]) -> u64 {
    texts
        .iter()
        .map(|text| text.as_ref().len() as u64 + ELEMENT)
        .sum()
}

/// Size of an element of a list besides its text, so that a list of a million empty names has a size.
pub(super) const ELEMENT: u64 = 8;
