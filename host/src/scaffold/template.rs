//! The files of a new project, with the parts that depend on its name and hooks filled in.

use super::built::PROFILE;
use super::hook::Hook;

/// The project's manifest.
pub(super) fn manifest(name: &str) -> String {
    let profile: String = PROFILE
        .iter()
        .map(|(key, value)| format!("{key} = {value}\n"))
        .collect();
    format!(
        r#"[package]
name = "{name}"
version = "0.1.0"
edition = "2024"
publish = false

[lib]
# cdylib is what the edge loads, rlib what tests link.
crate-type = ["cdylib", "rlib"]

[dependencies]
# `selvedge plugin new` laid the SDK's sources here; a newer `selvedge` brings a newer SDK.
selvedge-sdk = {{ path = "selvedge-sdk" }}

# A workspace of its own, wherever this folder stands.
[workspace]
exclude = ["selvedge-sdk"]

# How `selvedge plugin build` builds: small, and without tables for unwinding.
[profile.plugin]
{profile}"#
    )
}

/// The plugin: its hooks, and a test for each.
pub(super) fn source(name: &str, hooks: &[Hook]) -> String {
    let hook_text: String = hooks
        .iter()
        .map(|hook| format!("\n{}", hook.example().hook))
        .collect();
    let tests: Vec<&str> = hooks.iter().map(|hook| hook.example().test).collect();
    format!(
        "//! The plugin `{name}`.\n\nuse selvedge_sdk::prelude::*;\n{hook_text}\n\
         #[cfg(test)]\nmod tests {{\n    use super::*;\n\n{}}}\n",
        tests.join("\n")
    )
}

/// The README: purpose of the project, and the commands for working on it.
pub(super) fn readme(name: &str, hooks: &[Hook]) -> String {
    let list: String = hooks
        .iter()
        .map(|hook| format!("- `{}`: {}\n", hook.as_str(), hook.meaning()))
        .collect();
    let config: String = hooks.iter().map(|hook| hook.example().config).collect();
    format!(
        r#"# {name}

A plugin for the Selvedge edge. It implements

{list}
```
cargo test               # the hooks as plain functions, natively
selvedge plugin build    # leaves {name}.wasm in this folder
selvedge plugin test     # builds it and plays scenarios/*.toml in the real host, with scripted origins and a clock
```

A scenario says what origins answer, what viewers ask, and what has to come of it: the cache, the origin, fields, the
body. Add one for each thing that the plugin promises.

`selvedge plugin build` adds the target `wasm32-wasip1` by rustup where it is missing.

To use it, name it in a distribution file. `file` is relative to that file:

```toml
[default_behavior]
plugins = ["{name}"]             # in the order in which they run

[[plugins]]
name = "{name}"
file = "../{name}/{name}.wasm"
[plugins.config]
{config}```

Then `selvedge check --config selvedge.toml` says whether all of it fits, and `selvedge run --config selvedge.toml`
runs it.

The SDK's documentation is a tutorial: `cargo doc --open --package selvedge-sdk`.
"#
    )
}

/// The files that git ignores.
pub(super) const GITIGNORE: &str = "/target\n*.wasm\n";
