//! What a new project says: its files, with the parts that depend on the name and the hooks put in.

use super::Hook;
use super::build::PROFILE;

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

/// What the project is and how one works on it.
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
```

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

/// What git leaves out.
pub(super) const GITIGNORE: &str = "/target\n*.wasm\n";

/// A hook as a new project begins with it.
pub(super) struct Example {
    /// The function with its attribute.
    hook: &'static str,
    /// A native test of it.
    test: &'static str,
    /// The lines of the distribution file that the function reads.
    config: &'static str,
}

impl Hook {
    fn example(self) -> &'static Example {
        match self {
            Hook::CacheKey => &CACHE_KEY,
            Hook::OriginSelection => &ORIGIN_SELECTION,
            Hook::Ttl => &TTL,
        }
    }
}

const CACHE_KEY: Example = Example {
    hook: r#"/// What makes two requests the same for the cache: the policy's key, but without advertising parameters.
#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    Ok(KeyDecision::extend([KeyPart::query_except([
        "utm_*", "fbclid",
    ])]))
}
"#,
    test: r#"    #[test]
    fn advertising_parameters_do_not_split_the_cache() {
        let request =
            Request::builder("GET", "https://www.example.com/?id=1&utm_source=mail").build();
        let Ok(KeyDecision::Extend(parts)) = key(&request) else {
            panic!("the key is extended")
        };
        assert_eq!(parts, [KeyPart::query_except(["utm_*", "fbclid"])]);
    }
"#,
    config: "",
};

const ORIGIN_SELECTION: Example = Example {
    hook: r#"/// Which origin answers: paths below `/beta/` go to the origin that the configuration names.
#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    Ok(match config::get("beta_origin") {
        Some(id) if request.path().starts_with("/beta/") => OriginDecision::origin(id),
        _ => OriginDecision::Policy,
    })
}
"#,
    test: r#"    #[test]
    fn beta_paths_go_to_the_configured_origin() {
        let beta = Request::builder("GET", "/beta/page").build();
        assert_eq!(origin(&beta), Ok(OriginDecision::Policy));
        config::set("beta_origin", "next");
        assert_eq!(origin(&beta), Ok(OriginDecision::origin("next")));
        assert_eq!(
            origin(&Request::builder("GET", "/").build()),
            Ok(OriginDecision::Policy)
        );
    }
"#,
    config: "# beta_origin = \"next\"        # the id of an origin of this distribution\n",
};

const TTL: Example = Example {
    hook: r#"/// How long a response may be used: a minute for pages of which the origin does not say it.
#[ttl]
fn lifetime(_request: &Request, response: &Response) -> Result<TtlDecision> {
    let kind = response.field_text("Content-Type").unwrap_or_default();
    if response.status() != 200
        || response.field("Cache-Control").is_some()
        || !kind.starts_with("text/html")
    {
        return Ok(TtlDecision::Policy);
    }
    let seconds = config::parse("page_seconds")?.unwrap_or(60);
    Ok(TtlDecision::lifetime(Duration::from_secs(seconds)))
}
"#,
    test: r#"    #[test]
    fn pages_live_for_a_minute_unless_the_origin_says_otherwise() {
        let request = Request::builder("GET", "/").build();
        let page = Response::builder(200).field("Content-Type", "text/html; charset=utf-8");
        assert_eq!(
            lifetime(&request, &page.clone().build()),
            Ok(TtlDecision::lifetime(Duration::from_secs(60)))
        );
        let private = page.field("Cache-Control", "private").build();
        assert_eq!(lifetime(&request, &private), Ok(TtlDecision::Policy));
    }
"#,
    config: "page_seconds = 60\n",
};
