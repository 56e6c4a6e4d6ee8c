//! The hooks that this host calls, one file each: the decision, how it is asked for, and how large it is.

mod cache_key;
pub(crate) mod convert;
mod origin_request;
mod origin_response;
mod origin_selection;
mod ttl;
mod viewer_request;
mod viewer_response;

use crate::facts::{Read, RequestFacts};
use crate::fault::Fault;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::remember::Remembered;
use crate::spec::Hook;

pub use cache_key::{KeyDecision, KeyPart};
pub use origin_request::OriginRequestDecision;
pub use origin_response::OriginResponseDecision;
pub use origin_selection::OriginDecision;
pub use ttl::TtlDecision;
pub use viewer_request::ViewerRequestDecision;
pub use viewer_response::ViewerResponseDecision;

/// Why a guest that came to its end gave no decision.
pub(crate) enum Refused {
    /// It returned an error; its own words.
    Guest(String),
    /// It returned what cannot be carried out.
    Fault(Fault),
}

/// How one hook is called.
pub(crate) trait HookCall {
    /// Which one.
    const HOOK: Hook;

    /// Whether a decision may hold content.
    const RETURNS_CONTENT: bool = false;

    /// What it returns.
    type Decision: Send;

    /// What a pristine instance decided for what this request is, if that is remembered.
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

    /// Whether a decision holds something of its instance, which has to be given back.
    fn holds_instance(_decision: &Self::Decision) -> bool {
        false
    }
}

/// Runs a hook whose decision was remembered, for what it leaves in the instance.
pub(crate) async fn run_remembered(hook: Hook, instance: &mut Instance) -> wasmtime::Result<()> {
    match hook {
        Hook::CacheKey => cache_key::CacheKey::run(instance).await.map(drop),
        Hook::OriginSelection => origin_selection::OriginSelection::run(instance)
            .await
            .map(drop),
        // No decisions of other hooks are remembered.
        _ => Ok(()),
    }
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
                    .ok_or_else($crate::hooks::missing)?;
                empty.insert(indices.load(&mut *store, instance)?)
            }
        };
        (guest, store)
    }};
}
pub(crate) use found;

/// Looks at the types of all hooks that will be called, so that a mismatch is found when a plugin is loaded.
pub(crate) fn check_types(instance: &mut Instance) -> wasmtime::Result<()> {
    let Instance {
        store,
        instance,
        linked,
        ..
    } = instance;
    let indices = &linked.indices;
    macro_rules! check {
        ($($hook:ident),*) => {
            $(if let Some(indices) = &indices.$hook {
                indices.load(&mut *store, instance)?;
            })*
        };
    }
    check!(
        viewer_request,
        cache_key,
        origin_selection,
        origin_request,
        origin_response,
        ttl,
        viewer_response
    );
    Ok(())
}

/// For hooks that were not looked up; a transaction does not ask for those.
pub(crate) fn missing() -> wasmtime::Error {
    wasmtime::Error::msg("the plugin does not export this hook")
}

/// The sizes of lists of texts.
fn total<T: AsRef<[u8]>>(texts: &[T]) -> u64 {
    texts
        .iter()
        .map(|text| text.as_ref().len() as u64 + ELEMENT)
        .sum()
}

/// What an element of a list counts besides its text, so that a list of a million empty names has a size.
const ELEMENT: u64 = 8;
