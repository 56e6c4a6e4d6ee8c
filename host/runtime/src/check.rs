//! Checks of plugin files: a file that may not be a plugin is refused with its likely kind and a remedy.

use std::path::Path;

use wasmparser::{Parser, Payload, Validator, WasmFeatures};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::capabilities::{Capabilities, Capability};
use crate::contract::{CONTRACT, OFFERED, OFFERED_WASI};
use crate::error::LoadError;
use crate::hook::Hook;
use crate::text::printable;

/// Kind of a WebAssembly file, by its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Module,
    Component,
}

/// Looks at the first bytes; an error says what they look like instead.
pub(crate) fn kind(file: &[u8]) -> Result<Kind, &'static str> {
    match file.get(..8) {
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Ok(Kind::Module),
        Some([0, b'a', b's', b'm', 0x0d, 0, 1, 0]) => Ok(Kind::Component),
        _ => Err(looks_like(file)),
    }
}

fn looks_like(file: &[u8]) -> &'static str {
    const BEGINNINGS: [(&[u8], &str); 10] = [
        (
            b"\0asm",
            "WebAssembly of a version that does not exist, or cut off",
        ),
        (
            b"\x7fELF",
            "a native program or shared library (ELF), built without `--target wasm32-wasip1`",
        ),
        (
            b"\xcf\xfa\xed\xfe",
            "a native program or library of macOS, built without `--target wasm32-wasip1`",
        ),
        (
            b"MZ",
            "a native program or library of Windows, built without `--target wasm32-wasip1`",
        ),
        (
            b"!<arch>",
            "a Rust or C library archive; the plugin's crate type must be `cdylib`",
        ),
        (b"\x1f\x8b", "a gzip file; unpack it first"),
        (b"\x28\xb5\x2f\xfd", "a zstd file; unpack it first"),
        (b"PK", "a zip file; unpack it first"),
        (
            b"(module",
            "WebAssembly as text; `wasm-tools parse` makes a binary of it",
        ),
        (
            b"(component",
            "WebAssembly as text; `wasm-tools parse` makes a binary of it",
        ),
    ];
    if file.is_empty() {
        return "an empty file";
    }
    let found = BEGINNINGS
        .iter()
        .find(|(beginning, _)| file.starts_with(beginning));
    match found {
        Some((_, what)) => what,
        None if std::str::from_utf8(file).is_ok() => "a text file",
        None => "some other kind of file",
    }
}

/// Returns true if tools left the types of the contract in a module.
pub(crate) fn has_component_type(module: &[u8]) -> bool {
    Parser::new(0).parse_all(module).any(|payload| {
        matches!(payload, Ok(Payload::CustomSection(section)) if section.name().starts_with("component-type"))
    })
}

/// Finds what needs asynchronous component calls; everything else that is wrong is found when compiling.
pub(crate) fn needs_component_async(component: &[u8]) -> bool {
    let asynchronous = WasmFeatures::CM_ASYNC
        | WasmFeatures::CM_ASYNC_STACKFUL
        | WasmFeatures::CM_MORE_ASYNC_BUILTINS;
    let valid = |features| {
        Validator::new_with_features(features)
            .validate_all(component)
            .is_ok()
    };
    let plain = WasmFeatures::default().difference(asynchronous);
    !valid(plain) && valid(plain.union(asynchronous))
}

/// Exports of a plugin.
#[derive(Debug, Default)]
pub(crate) struct Exports {
    pub(crate) hooks: Vec<Hook>,
    pub(crate) lifecycle: bool,
    /// All names, for messages.
    names: Vec<String>,
}

impl Exports {
    /// `the hooks cache-key, ttl`, or what else there is.
    pub(crate) fn describe(&self) -> String {
        match self.names.as_slice() {
            [] => "nothing".to_owned(),
            names => listed(names),
        }
    }
}

/// Checks what a component imports and lists what it exports.
pub(crate) fn component(
    engine: &Engine,
    path: &Path,
    component: &Component,
) -> Result<Exports, LoadError> {
    let ty = component.component_type();
    let unknown: Vec<_> = ty
        .imports(engine)
        .map(|(name, _)| name)
        .filter(|name| !is_offered(name))
        .collect();
    if let Some(found) = unknown.iter().find(|name| is_other_version(name)) {
        return Err(other_version(path, found));
    }
    if !unknown.is_empty() {
        let offered = format!("{CONTRACT} {}; {OFFERED_WASI}", OFFERED.join(", "));
        return Err(LoadError::ImportsUnknown {
            path: path.to_owned(),
            interface: listed(&unknown),
            offered,
        });
    }
    let mut exports = Exports::default();
    for (name, _) in ty.exports(engine) {
        if is_other_version(name) {
            return Err(other_version(path, name));
        }
        let interface = contract_interface(name);
        exports.names.push(interface.unwrap_or(name).to_owned());
        exports.lifecycle |= interface == Some("lifecycle");
        exports
            .hooks
            .extend(interface.and_then(|interface| interface.parse::<Hook>().ok()));
    }
    exports.hooks.sort();
    Ok(exports)
}

/// Returns the capabilities that a component imports.
pub(crate) fn capabilities(engine: &Engine, component: &Component) -> Vec<Capability> {
    let ty = component.component_type();
    let imports = |capability: &Capability| {
        let mut names = ty.imports(engine).map(|(name, _)| name);
        names.any(|name| contract_interface(name) == Some(capability.as_str()))
    };
    Capability::ALL.into_iter().filter(imports).collect()
}

/// Checks that a component is given all that it imports.
pub(crate) fn given(
    engine: &Engine,
    path: &Path,
    component: &Component,
    given: &Capabilities,
) -> Result<(), LoadError> {
    match capabilities(engine, component)
        .into_iter()
        .find(|capability| !given.has(*capability))
    {
        Some(capability) => Err(LoadError::NotGiven {
            path: path.to_owned(),
            capability,
        }),
        None => Ok(()),
    }
}

/// The hooks that will be called.
pub(crate) fn hooks(
    path: &Path,
    asked: &[Hook],
    exports: &Exports,
) -> Result<Vec<Hook>, LoadError> {
    if let Some(hook) = asked.iter().find(|hook| !exports.hooks.contains(hook)) {
        return Err(LoadError::LacksHook {
            path: path.to_owned(),
            hook: *hook,
            exports: exports.describe(),
        });
    }
    let wanted = |hook: &Hook| asked.is_empty() || asked.contains(hook);
    let hooks: Vec<Hook> = exports.hooks.iter().copied().filter(wanted).collect();
    if hooks.is_empty() {
        return Err(LoadError::NoHooks {
            path: path.to_owned(),
            exports: exports.describe(),
        });
    }
    Ok(hooks)
}

/// Names of a file for a message: however many there are, and however long, it stays readable.
fn listed<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 12;
    let mut shown: Vec<String> = names
        .iter()
        .take(SHOWN)
        .map(|name| printable(name.as_ref()))
        .collect();
    if names.len() > SHOWN {
        shown.push(format!("and {} more", names.len() - SHOWN));
    }
    shown.join(", ")
}

/// `cache-key` of `selvedge:edge/cache-key@0.1.3`. Versions that differ only in the last number are compatible.
fn contract_interface(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix("selvedge:edge/")?.split_once('@')?;
    version.starts_with("0.1.").then_some(interface)
}

fn is_other_version(name: &str) -> bool {
    name.starts_with("selvedge:edge/") && contract_interface(name).is_none()
}

fn other_version(path: &Path, found: &str) -> LoadError {
    LoadError::ContractVersion {
        path: path.to_owned(),
        found: printable(found),
        expected: CONTRACT,
    }
}

fn is_offered(name: &str) -> bool {
    const WASI: [&str; 6] = [
        "wasi:io/",
        "wasi:clocks/",
        "wasi:random/",
        "wasi:cli/",
        "wasi:filesystem/",
        "wasi:sockets/",
    ];
    let of_wasi = |name: &str| {
        WASI.iter().any(|package| name.starts_with(package))
            && name
                .split_once('@')
                .is_none_or(|(_, v)| v.starts_with("0.2."))
    };
    contract_interface(name).is_some_and(|interface| OFFERED.contains(&interface)) || of_wasi(name)
}
