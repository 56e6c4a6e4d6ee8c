//! Inspection of a plugin file, before any configuration: for authors who want to know what they have built.
//!
//! The file is read, compiled and checked as it is when it is loaded, within the same bounds; no instance is made.

use std::path::Path;

use wasmparser::{KnownCustom, MemoryType, Parser, Payload};

use crate::capabilities::Capability;
use crate::check::{self, Kind};
use crate::error::LoadError;
use crate::file;
use crate::hook::Hook;
use crate::load::{self, Loader};
use crate::text::printable;

/// No more names of tools are listed.
const MAX_PRODUCERS: usize = 32;

/// No more memories are listed; a plugin that runs has one.
const MAX_MEMORIES: usize = 32;

/// The bytes of a page where a module does not say otherwise.
const PAGE: u64 = 64 << 10;

/// Contents of a plugin file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Its size in bytes.
    pub bytes: u64,
    /// True if it is a component already; a module is made one when it is loaded.
    pub is_component: bool,
    /// The hooks that it exports, in the order in which they run.
    pub hooks: Vec<Hook>,
    /// True if it exports `lifecycle`, whose `init` sees the configuration.
    pub has_init: bool,
    /// The versions of the contract in the names that it imports and exports, each once.
    pub contract: Vec<String>,
    /// The interfaces that it imports, by their full names.
    pub imports: Vec<String>,
    /// Those of them that a host gives or does not give.
    pub capabilities: Vec<Capability>,
    /// The memories that its modules declare.
    pub memories: Vec<MemoryBounds>,
    /// The tools that made it, as they signed: `language: Rust`, `processed-by: rustc 1.95.0`.
    pub producers: Vec<String>,
}

/// A memory as a module declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MemoryBounds {
    /// Bytes at the start.
    pub initial: u64,
    /// Bytes beyond which it does not grow, where it says so.
    pub maximum: Option<u64>,
}

pub(crate) fn inspect(loader: &Loader, path: &Path) -> Result<Inspection, LoadError> {
    let file = file::read(path)?;
    let kind = file::kind(path, &file)?;
    let component = load::compiled(loader, path, &file)?;
    let engine = &loader.shared.engine;
    let exports = check::component(engine, path, &component)?;
    let hooks = check::hooks(path, &[], &exports)?;
    load::linked(loader, path, &component, &hooks, &exports)?;
    let ty = component.component_type();
    let imports: Vec<String> = ty
        .imports(engine)
        .map(|(name, _)| printable(name))
        .collect();
    let exported = ty.exports(engine).map(|(name, _)| name.to_owned());
    let names = imports.iter().cloned().chain(exported);
    let mut contract: Vec<String> = names.filter_map(|name| contract_of(&name)).collect();
    contract.sort();
    contract.dedup();
    let (memories, producers) = declared(&file);
    Ok(Inspection {
        bytes: file.len() as u64,
        is_component: kind == Kind::Component,
        hooks,
        has_init: exports.lifecycle,
        contract,
        capabilities: check::capabilities(engine, &component),
        imports,
        memories,
        producers,
    })
}

/// `selvedge:edge@0.1.0` of `selvedge:edge/ttl@0.1.0`.
fn contract_of(name: &str) -> Option<String> {
    let (_, version) = name.strip_prefix("selvedge:edge/")?.split_once('@')?;
    Some(format!("selvedge:edge@{}", printable(version)))
}

/// Returns the declarations of the file's modules. The compiler has found the file valid, so walking through its sections is a matter of its
/// size.
fn declared(file: &[u8]) -> (Vec<MemoryBounds>, Vec<String>) {
    let (mut memories, mut producers) = (Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(file) {
        match payload {
            Ok(Payload::MemorySection(section)) => {
                let declared = section.into_iter().flatten().take(MAX_MEMORIES);
                memories.extend(declared.map(|memory| bounds(&memory)));
            }
            Ok(Payload::CustomSection(section)) => {
                if let KnownCustom::Producers(fields) = section.as_known() {
                    producers.extend(signed(fields));
                }
            }
            Ok(_) => {}
            Err(_) => break,
        }
    }
    memories.truncate(MAX_MEMORIES);
    producers.sort();
    producers.dedup();
    producers.truncate(MAX_PRODUCERS);
    (memories, producers)
}

fn bounds(memory: &MemoryType) -> MemoryBounds {
    let page = memory
        .page_size_log2
        .map_or(PAGE, |log| 1_u64.checked_shl(log).unwrap_or(PAGE));
    MemoryBounds {
        initial: memory.initial.saturating_mul(page),
        maximum: memory.maximum.map(|most| most.saturating_mul(page)),
    }
}

fn signed(fields: wasmparser::ProducersSectionReader<'_>) -> Vec<String> {
    let mut all = Vec::new();
    for field in fields.into_iter().flatten().take(MAX_PRODUCERS) {
        for value in field.values.into_iter().flatten().take(MAX_PRODUCERS) {
            let text = format!("{}: {} {}", field.name, value.name, value.version);
            all.push(printable(text.trim_end()));
        }
    }
    all
}
