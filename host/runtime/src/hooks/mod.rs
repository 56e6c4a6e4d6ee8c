//! The hooks that this host calls, one file each: the decision, how it is asked for, and how large it is.

mod cache_key;
mod origin_selection;
mod ttl;

use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::spec::Hook;

pub use cache_key::{KeyDecision, KeyPart};
pub use origin_selection::OriginDecision;
pub use ttl::TtlDecision;

/// How one hook is called.
pub(crate) trait HookCall {
    /// Which one.
    const HOOK: Hook;

    /// What it returns.
    type Decision: Send;

    /// Calls the export of an instance that has been given the facts.
    fn run(
        plugin: &Plugin,
        instance: &mut Instance,
    ) -> impl Future<Output = wasmtime::Result<Result<Self::Decision, String>>> + Send;

    /// Bytes of what a decision says, for the limit on output.
    fn size(decision: &Self::Decision) -> u64;
}

/// Looks at the types of all hooks that will be called, so that a mismatch is found when a plugin is loaded.
pub(crate) fn check_types(plugin: &Plugin, instance: &mut Instance) -> wasmtime::Result<()> {
    let indices = plugin.indices();
    let Instance {
        store, instance, ..
    } = instance;
    indices
        .cache_key
        .as_ref()
        .map(|indices| indices.load(&mut *store, instance))
        .transpose()?;
    indices
        .origin_selection
        .as_ref()
        .map(|indices| indices.load(&mut *store, instance))
        .transpose()?;
    indices
        .ttl
        .as_ref()
        .map(|indices| indices.load(&mut *store, instance))
        .transpose()?;
    Ok(())
}

/// For hooks that were not looked up; a transaction does not ask for those.
fn missing() -> wasmtime::Error {
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
