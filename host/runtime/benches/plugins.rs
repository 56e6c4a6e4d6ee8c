//! Cost of the shipped plugins: CPU time of a call of each plugin's main hook, in a fresh instance, in one that begins with
//! what `init` left in another, and in one that is used again, for a typical request.
//! `cargo bench -p selvedge-runtime --bench plugins [NAME...]`
//!
//! The plugins are built as `selvedge plugin build` does it. Nothing is remembered: what is measured is the plugin. Key-value
//! data, stored values and figures are those of the tests, in memory, and cost next to nothing.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]
// Its output is what it is for.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;
mod measured;

use std::ffi::OsStr;
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use common::capabilities::Recorded;
use common::{build, facts, load, response, spec};
use http::{HeaderName, HeaderValue};
use measured::{measure, on_this_thread};
use selvedge_runtime::capabilities::{Answer, Kv};
use selvedge_runtime::{
    Capabilities, Hook, HookError, Isolation, OriginResponseDecision, Plugin, PluginSpec,
    RequestFacts, Transaction,
};
use serde_json::{Value, json};

/// One plugin, the hook that does its work, and a request that gives it some.
struct Case {
    plugin: &'static str,
    /// The name that tells it from another case of the same plugin.
    with: &'static str,
    hook: Hook,
    /// How the decision begins, as Rust writes it.
    decides: &'static str,
    config: Value,
    request: RequestFacts,
    rounds: u32,
}

impl Case {
    fn new(plugin: &'static str, hook: Hook, path: &str, config: Value) -> Case {
        Case {
            plugin,
            with: "",
            hook,
            decides: match hook {
                Hook::CacheKey => "Extend",
                Hook::Ttl => "Set",
                _ => "Edit",
            },
            config,
            request: RequestFacts {
                query: None,
                ..facts(path)
            },
            rounds: 2000,
        }
    }

    fn field(mut self, name: &'static str, value: &str) -> Case {
        let value = HeaderValue::from_str(value).expect("the value of a field");
        let name = HeaderName::from_static(name);
        self.request.fields.insert(name, value);
        self
    }

    fn query(mut self, query: &str) -> Case {
        self.request.query = Some(query.into());
        self
    }
}

/// A text file of the folder `plugins`.
fn text(file: &str) -> String {
    let path = plugins().join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn plugins() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../plugins")
}

fn cases() -> Vec<Case> {
    vec![
        ab_split(),
        device_language_key(),
        image_variants(),
        jwt_auth("ES256", "p256.pem", "es256.jwt"),
        jwt_auth("RS256", "rsa.pem", "rs256.jwt"),
        link_rewriter(),
        query_normaliser(),
        rate_limit(),
        redirects(),
        security_headers(),
        ttl_rules(),
    ]
}

/// A viewer that has a group.
fn ab_split() -> Case {
    let config = json!({ "experiments": [{
        "name": "checkout",
        "groups": [{ "name": "control", "weight": 90 }, { "name": "short", "weight": 10 }],
    }] });
    Case::new("ab-split", Hook::ViewerRequest, "/checkout", config)
        .field("cookie", "a=1; ab-checkout=short")
}

fn device_language_key() -> Case {
    let config = json!({ "devices": ["phone", "tablet"], "languages": ["en", "de", "pt-BR"] });
    Case::new("device-language-key", Hook::CacheKey, "/", config)
        .field("accept-language", "de-CH, de;q=0.9, en;q=0.8")
}

fn image_variants() -> Case {
    Case::new("image-variants", Hook::CacheKey, "/a.jpg", json!({}))
        .field("accept", "image/avif,image/webp,*/*;q=0.8")
        .field("sec-ch-width", "700")
}

fn link_rewriter() -> Case {
    let config = json!({ "hosts": { "old.example.com": "https://www.example.com" } });
    Case {
        with: "a page of 16 KiB",
        decides: "Transform",
        rounds: 500,
        ..Case::new("link-rewriter", Hook::OriginResponse, "/page", config)
    }
}

fn query_normaliser() -> Case {
    let config = json!({ "deny": ["utm_*"] });
    Case::new("query-normaliser", Hook::ViewerRequest, "/list", config)
        .query("b=2&utm_source=mail&a=1")
}

/// More tokens come back than are asked for: none is refused.
fn rate_limit() -> Case {
    let config = json!({ "requests": 100_000_000, "seconds": 1 });
    Case {
        decides: "Next",
        ..Case::new("rate-limit", Hook::ViewerRequest, "/", config)
    }
}

fn redirects() -> Case {
    Case {
        decides: "Respond",
        ..Case::new("redirects", Hook::ViewerRequest, "/old", json!({}))
    }
}

fn security_headers() -> Case {
    let config = json!({
        "fields": { "Content-Security-Policy": "default-src 'self'" },
        "cors": { "origins": ["https://app.example.com"] },
    });
    Case::new("security-headers", Hook::ViewerResponse, "/", config)
        .field("origin", "https://app.example.com")
}

/// The last of the rules fits.
fn ttl_rules() -> Case {
    let config = json!({ "rules": [
        { "paths": ["/account/*", "/cart"], "store": false },
        { "statuses": ["404", "5xx"], "lifetime": "5 s" },
        { "types": ["image/*", "font/*"], "lifetime": "30 d" },
        { "types": ["text/html"], "lifetime": "1 min", "stale_while_revalidate": "10 s" },
    ] });
    Case::new("ttl-rules", Hook::Ttl, "/page", config)
}

/// A token that is verified with a public key. Keys and tokens are those of the plugin's own tests.
fn jwt_auth(algorithm: &'static str, key: &str, token: &str) -> Case {
    let config = json!({
        "algorithm": algorithm,
        "keys": [{ "public_key": text(&format!("jwt-auth/src/tests/{key}")) }],
        "claim_fields": { "sub": "X-User" },
    });
    let token = text(&format!("jwt-auth/src/tests/{token}"));
    let case = Case::new("jwt-auth", Hook::ViewerRequest, "/members/", config);
    Case {
        with: algorithm,
        rounds: 200,
        ..case.field("authorization", &format!("Bearer {}", token.trim()))
    }
}

/// Key-value data with one moved page.
struct Moved;

impl Kv for Moved {
    fn get(&self, key: &str) -> Answer<Result<Option<Bytes>, String>> {
        let target = (key == "/old").then(|| Bytes::from_static(b"301 /new"));
        Answer::Now(Ok(target))
    }
}

impl Case {
    fn load(&self, folder: &Path, isolation: Isolation) -> Arc<Plugin> {
        load(&PluginSpec {
            file: folder.join(format!("{}.wasm", self.plugin.replace('-', "_"))),
            isolation,
            remember: false,
            config: self.config.clone(),
            capabilities: Capabilities {
                kv: Some(Arc::new(Moved)),
                ..Recorded::default().capabilities("")
            },
            ..spec()
        })
    }

    /// One call of the hook. The `first` is looked at: a plugin that decides something else has other work than is meant here.
    async fn call(&self, plugin: &Arc<Plugin>, request: &Arc<RequestFacts>, first: bool) {
        let mut transaction = Transaction::new();
        match self.hook {
            Hook::ViewerRequest => {
                let called = transaction.viewer_request(plugin, request).await;
                self.decided(&called.decision, first);
            }
            Hook::CacheKey => {
                let called = transaction.cache_key(plugin, request).await;
                self.decided(&called.decision, first);
            }
            Hook::Ttl => {
                let called = transaction.ttl(plugin, request, &response()).await;
                self.decided(&called.decision, first);
            }
            Hook::ViewerResponse => {
                let response = response();
                let called = transaction.viewer_response(plugin, request, &response);
                self.decided(&called.await.decision, first);
            }
            Hook::OriginResponse => {
                let response = response();
                let called = transaction.origin_response(plugin, request, &response);
                let decision = called.await.decision;
                self.decided(&decision, first);
                rewrite(decision.expect("it decided")).await;
            }
            other => panic!("no plugin has {other} as its main hook"),
        }
    }

    fn decided<T: Debug>(&self, decision: &Result<T, HookError>, first: bool) {
        let as_meant = match decision {
            Ok(decision) => !first || format!("{decision:?}").starts_with(self.decides),
            Err(_) => false,
        };
        assert!(as_meant, "{} decided {decision:?}", self.plugin);
    }
}

/// Sends a page through what the plugin makes of bodies.
async fn rewrite(decision: OriginResponseDecision) {
    const LINK: &[u8] = b"<p>some words <a href=\"https://old.example.com/a/b\">a link</a>\n";
    let page = Bytes::from(LINK.repeat((16 << 10) / LINK.len()));
    let OriginResponseDecision::Transform(_, mut transform) = decision else {
        panic!("the page is not rewritten: {decision:?}");
    };
    let mut pieces = transform.push(page).await.expect("it takes the page");
    pieces.extend(transform.finish().await.expect("the page ends"));
    let page = pieces.concat();
    assert!(page.starts_with(b"<p>some words <a href=\"https://www.example.com/a/b\">"));
}

fn main() {
    let (options, wanted): (Vec<String>, Vec<String>) = std::env::args()
        .skip(1)
        .partition(|word| word.starts_with('-'));
    // `cargo bench` says so. `cargo test --bench plugins` only looks whether all of it works.
    let measures = options.iter().any(|option| option == "--bench");
    let mut cases = cases();
    cases.retain(|case| wanted.is_empty() || wanted.iter().any(|name| name == case.plugin));
    assert!(
        !cases.is_empty(),
        "no shipped plugin has one of the names {wanted:?}"
    );
    let names = cases.iter().flat_map(|case| ["-p", case.plugin]);
    let profile = ["--profile", "plugin"].into_iter();
    let folder = build("shipped", profile.chain(names).map(OsStr::new)).join("plugin");
    let async_runtime = on_this_thread();
    for case in &cases {
        let request = Arc::new(case.request.clone());
        for (isolation, word) in [(Isolation::Request, "fresh"), (Isolation::Reuse, "reused")] {
            let plugin = case.load(&folder, isolation);
            async_runtime.block_on(case.call(&plugin, &request, true));
            let what = [case.plugin, case.with].join(" ");
            let name = format!("{}: {}, {word}", what.trim_end(), case.hook);
            let rounds = if measures { case.rounds } else { 1 };
            measure(&name, rounds, &async_runtime, async || {
                case.call(&plugin, &request, false).await;
            });
            if plugin.snapshot_now().is_ok() {
                let name = format!("{name}, `init` run once");
                measure(&name, rounds, &async_runtime, async || {
                    case.call(&plugin, &request, false).await;
                });
            }
        }
    }
}
