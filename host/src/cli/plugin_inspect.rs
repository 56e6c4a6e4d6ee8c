//! `selvedge plugin inspect`: what is in a plugin file, and what of that a configuration has a word in.

use super::compile;
use super::output::{complain, say};
use super::{FAILED, WRONG};
use crate::config::{Limits, show_duration, show_size};
use clap::Args;
use selvedge_runtime::{Capability, Compiler, Hook, Inspection, MemoryBounds, Options, Runtime};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Args)]
pub(super) struct Arguments {
    /// The plugin file
    file: PathBuf,
    /// As JSON, for programs
    #[arg(long)]
    json: bool,
}

pub(super) fn inspect(arguments: &Arguments) -> u8 {
    run(arguments, compile::child())
}

fn run(arguments: &Arguments, compiler: Compiler) -> u8 {
    let runtime = match Runtime::new(Options {
        compiler,
        ..Options::default()
    }) {
        Ok(runtime) => runtime,
        Err(error) => {
            complain(error);
            return FAILED;
        }
    };
    match runtime.inspect(&arguments.file) {
        Ok(found) if arguments.json => {
            say(as_json(&found));
            0
        }
        Ok(found) => {
            say(format_args!("{}", arguments.file.display()));
            for (name, text) in as_lines(&found) {
                say(format_args!("  {name:<10} {text}"));
            }
            0
        }
        Err(error) => {
            complain(&error);
            match error.is_of_machine() {
                true => FAILED,
                false => WRONG,
            }
        }
    }
}

/// Where a configuration says what a plugin finds there; `None` for what needs no word of it.
fn configured_in(capability: Capability) -> Option<&'static str> {
    match capability {
        Capability::Fetch => Some("[plugins.fetch.NAME]"),
        Capability::Secrets => Some("[plugins.secrets]"),
        Capability::Kv | Capability::Cache | Capability::Metrics => None,
    }
}

/// The limits with their defaults.
fn limits() -> Vec<(&'static str, String)> {
    let Limits {
        cpu,
        wall,
        memory,
        table_elements,
        host_calls,
        passed_bytes,
        output_bytes,
        body_bytes,
        fetches,
        log_lines,
        log_bytes,
    } = Limits::default();
    vec![
        ("cpu", show_duration(cpu)),
        ("wall", show_duration(wall)),
        ("memory", show_size(memory)),
        ("table_elements", table_elements.to_string()),
        ("host_calls", host_calls.to_string()),
        ("passed_bytes", show_size(passed_bytes)),
        ("output_bytes", show_size(output_bytes)),
        ("body_bytes", show_size(body_bytes)),
        ("fetches", fetches.to_string()),
        ("log_lines", log_lines.to_string()),
        ("log_bytes", show_size(u64::from(log_bytes))),
    ]
}

/// `kv` of `selvedge:edge/kv@0.1.0`; other names as they are.
fn short(import: &str) -> &str {
    let inner = import.strip_prefix("selvedge:edge/");
    inner.map_or(import, |inner| inner.split('@').next().unwrap_or(inner))
}

/// Its imports: of the contract, by the interfaces' short names, and of WASI.
pub(super) fn imports(found: &Inspection) -> (Vec<&str>, Vec<&str>) {
    let names = found.imports.iter().map(String::as_str);
    let (contract, wasi): (Vec<&str>, Vec<&str>) =
        names.partition(|import| import.starts_with("selvedge:edge/"));
    (contract.into_iter().map(short).collect(), wasi)
}

fn as_lines(found: &Inspection) -> Vec<(&'static str, String)> {
    let kind = match found.is_component {
        true => "a component",
        false => "a module with the component type inside",
    };
    let size = format!("{} KiB ({} bytes)", found.bytes.div_ceil(1024), found.bytes);
    let mut lines = vec![("file", format!("{size}, {kind}"))];
    if !found.producers.is_empty() {
        lines.push(("made by", found.producers.join(", ")));
    }
    let hooks: Vec<&str> = found.hooks.iter().map(|hook| hook.as_str()).collect();
    lines.push(("contract", found.contract.join(", ")));
    lines.push(("hooks", hooks.join(", ")));
    lines.push(("init", if found.has_init { "yes" } else { "no" }.to_owned()));
    let (contract, wasi) = imports(found);
    lines.push(("imports", or_nothing(&contract)));
    for capability in &found.capabilities {
        if let Some(table) = configured_in(*capability) {
            lines.push((
                "",
                format!(
                    "{capability} finds what {table} of its configuration names, and nothing else"
                ),
            ));
        }
    }
    lines.push(("of WASI", or_nothing(&wasi)));
    let memory = found.memories.iter().map(memory).collect::<Vec<_>>();
    lines.push(("memory", or_nothing(&memory)));
    let limits = limits();
    let limits = limits.iter().map(|(name, value)| format!("{name} {value}"));
    lines.push(("limits", limits.collect::<Vec<_>>().join(", ")));
    lines.push((
        "",
        "these are the defaults; [limits] of the server file and `limits` of a plugin change them"
            .to_owned(),
    ));
    lines
}

fn or_nothing<T: AsRef<str>>(names: &[T]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names
            .iter()
            .map(AsRef::as_ref)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

fn memory(memory: &MemoryBounds) -> String {
    let most = Limits::default().memory;
    let grows = match memory.maximum {
        Some(maximum) => format!("at most {}", show_size(maximum)),
        None => "no bound of its own".to_owned(),
    };
    let too_much = match memory.initial > most {
        true => format!(
            ", which is more than the default limit of {}",
            show_size(most)
        ),
        false => String::new(),
    };
    format!(
        "{} at the start, {grows}{too_much}",
        show_size(memory.initial)
    )
}

fn as_json(found: &Inspection) -> Value {
    let imports = found.imports.iter().map(|import| {
        let capability = found
            .capabilities
            .iter()
            .find(|capability| capability.as_str() == short(import));
        let table = capability.and_then(|capability| configured_in(*capability));
        json!({ "name": import, "configured_in": table })
    });
    let memories = found
        .memories
        .iter()
        .map(|memory| json!({ "initial_bytes": memory.initial, "maximum_bytes": memory.maximum }));
    let limits = limits().into_iter();
    json!({
        "bytes": found.bytes,
        "kind": if found.is_component { "component" } else { "module" },
        "producers": found.producers,
        "contract": found.contract,
        "hooks": found.hooks.iter().map(|hook: &Hook| hook.as_str()).collect::<Vec<_>>(),
        "init": found.has_init,
        "imports": imports.collect::<Vec<_>>(),
        "memories": memories.collect::<Vec<_>>(),
        "default_limits": limits
            .map(|(name, value)| (name.to_owned(), Value::String(value)))
            .collect::<serde_json::Map<_, _>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_runtime::ChildCompiler;

    #[test]
    fn a_compiler_that_fails_says_nothing_against_the_file() {
        let dir = tempfile::TempDir::new().unwrap();
        let arguments = Arguments {
            file: dir.path().join("a.wasm"),
            json: false,
        };
        let inspect = |content: &[u8]| {
            std::fs::write(&arguments.file, content).unwrap();
            // It compiles nothing, and says that it has succeeded.
            let compiler = ChildCompiler {
                program: "true".into(),
                ..ChildCompiler::this_program([compile::NAME])
            };
            run(&arguments, Compiler::Child(compiler))
        };
        assert_eq!(inspect(b"\0asm\x0d\0\x01\0"), FAILED);
        assert_eq!(inspect(b"no wasm"), WRONG);
    }
}
