//! `init` once for all instances: nobody can tell, but by the time it takes.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod common;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::capabilities::Recorded;
use common::numbers::Numbers;
use common::{ask, build, facts, guest, literal, load, response, runtime, small, spec};
use selvedge_runtime::{
    Called, Hook, Isolation, Limits, NoSnapshot, Options, Plugin, PluginSpec, RequestFacts,
    Runtime, Transaction,
};
use serde_json::{Value, json};

/// The plugin that tells what `init` left, with this for its `init`.
fn begun(init: &str) -> PluginSpec {
    PluginSpec {
        config: json!({ "init": init }),
        ..patient(guest("begun"))
    }
}

/// Neither a decision that is remembered, nor a limit that a slow machine hits.
fn patient(file: PathBuf) -> PluginSpec {
    PluginSpec {
        remember: false,
        capabilities: Recorded::default().capabilities(""),
        limits: Limits {
            cpu: Duration::from_secs(10),
            wall: Duration::from_secs(60),
            ..Limits::default()
        },
        file,
        ..spec()
    }
}

/// One plugin, loaded twice: each instance of the first runs `init`, those of the second begin with what it left.
fn both(spec: &PluginSpec) -> [Arc<Plugin>; 2] {
    let [without, with] = [load(spec), load(spec)];
    with.snapshot_now()
        .unwrap_or_else(|error| panic!("{}: {error}", spec.file.display()));
    assert!(with.has_snapshot() && !without.has_snapshot());
    [without, with]
}

/// The decisions of all hooks of a plugin in one transaction, and the reads that they rest on.
async fn decisions(plugin: &Arc<Plugin>, request: &Arc<RequestFacts>) -> Vec<String> {
    let mut transaction = Transaction::new();
    let t = &mut transaction;
    let response = response();
    let mut all = Vec::new();
    for hook in plugin.hooks() {
        all.push(match hook {
            Hook::ViewerRequest => told(t.viewer_request(plugin, request).await),
            Hook::CacheKey => told(t.cache_key(plugin, request).await),
            Hook::OriginSelection => told(t.origin_selection(plugin, request).await),
            Hook::OriginRequest => told(t.origin_request(plugin, request).await),
            Hook::OriginResponse => told(t.origin_response(plugin, request, &response).await),
            Hook::Ttl => told(t.ttl(plugin, request, &response).await),
            Hook::ViewerResponse => told(t.viewer_response(plugin, request, &response).await),
        });
    }
    all
}

fn told<T: std::fmt::Debug>(called: Called<T>) -> String {
    format!("{:?}, having read {:?}", called.decision, called.reads)
}

/// A request that has one or the other of what plugins look at.
fn random(numbers: &mut Numbers) -> Arc<RequestFacts> {
    let mut one = |of: &[&str]| of[numbers.below(of.len())].to_owned();
    let path = one(&[
        "/",
        "/a.jpg",
        "/account/7",
        "/embed/2/x",
        "/cart",
        "/list",
        "/members/",
        "/404",
    ]);
    let mut request = facts(&path);
    request.method = one(&["GET", "HEAD", "OPTIONS", "POST"]).parse().unwrap();
    let query = [
        "b=2",
        "a=1",
        "utm_source=mail",
        "a=",
        "w=400",
        "%zz",
        "A=1&a=0",
        "",
    ];
    request.query = Some((0..3).map(|_| one(&query)).collect::<Vec<_>>().join("&"));
    let fields: [(&'static str, &[&str]); 5] = [
        (
            "user-agent",
            &["Mozilla/5.0 (iPad)", "Mobile Safari", "curl/8", ""],
        ),
        (
            "accept-language",
            &["de-CH, en;q=0.5", "fr", "*;q=0", "pt-BR,pt"],
        ),
        (
            "origin",
            &["https://app.example.com", "https://other.example", "null"],
        ),
        ("authorization", &["Bearer a.b.c", "Basic eA==", "Bearer "]),
        ("cookie", &["session=1", "token=a.b.c; x=2"]),
    ];
    for (name, values) in fields {
        request.fields.remove(name);
        if one(&["with", "without"]) == "with" {
            let value = one(values).parse().unwrap();
            request.fields.insert(name, value);
        }
    }
    Arc::new(request)
}

/// The shipped plugins whose `init` reads their configuration and nothing else, and one such configuration.
fn shipped() -> Vec<(&'static str, Value)> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let key = here.join("../../plugins/jwt-auth/src/tests/rsa.pem");
    let key = std::fs::read_to_string(key).unwrap();
    let names: Vec<String> = (0..60).map(|n| format!("utm_{n}*")).collect();
    let rules = |n: u32| json!({ "paths": [format!("/account/{n}")], "lifetime": "5 s" });
    let fields =
        |n: u32| json!({ "paths": [format!("/embed/{n}/*")], "fields": { "X-Frame-Options": "" } });
    vec![
        (
            "query-normaliser",
            json!({ "deny": names, "drop_empty": true }),
        ),
        (
            "ttl-rules",
            json!({ "rules": (0..20).map(rules).collect::<Vec<_>>() }),
        ),
        (
            "security-headers",
            json!({
                "fields": { "Content-Security-Policy": "default-src 'self'" },
                "rules": (0..9).map(fields).collect::<Vec<_>>(),
                "cors": { "origins": ["https://app.example.com"] },
            }),
        ),
        (
            "jwt-auth",
            json!({ "algorithm": "RS256", "keys": [{ "public_key": key }] }),
        ),
        (
            "device-language-key",
            json!({ "devices": ["phone", "tablet"], "languages": ["en", "de", "pt-BR"], "to_origin": true }),
        ),
    ]
}

#[tokio::test]
async fn the_shipped_plugins_decide_as_before() {
    let names = shipped();
    let packages = names.iter().flat_map(|(name, _)| ["-p", name]);
    let profile = ["--profile", "plugin"].into_iter();
    let folder = build("shipped", profile.chain(packages).map(OsStr::new)).join("plugin");
    let mut numbers = Numbers(7);
    for (name, config) in names {
        let file = folder.join(format!("{}.wasm", name.replace('-', "_")));
        let [without, with] = both(&PluginSpec {
            config,
            ..patient(file)
        });
        let mut different = std::collections::BTreeSet::new();
        for _ in 0..150 {
            let request = random(&mut numbers);
            let expected = decisions(&without, &request).await;
            assert_eq!(
                decisions(&with, &request).await,
                expected,
                "{name}: {request:?}"
            );
            different.insert(expected);
        }
        assert!(different.len() > 1, "{name} is asked for something");
    }
}

#[tokio::test]
async fn instances_begin_with_what_init_left_and_nothing_of_each_other() {
    for (init, expected) in [
        ("", "init 1, call 1, 0 bytes "),
        ("config", "init 1, call 1, 17 bytes {\"init\":\"config\"}"),
        ("much", "init 1, call 1, 3145728 bytes "),
    ] {
        let [without, with] = both(&begun(init));
        for _ in 0..3 {
            let said = literal(ask(&with, "/").await);
            assert!(said.starts_with(expected), "{init}: {said}");
            assert_eq!(said, literal(ask(&without, "/").await));
        }
        let both = [&with, &without].map(|plugin| plugin.counters().failed());
        assert_eq!(both, [0, 0]);
    }
}

#[tokio::test]
async fn each_distribution_begins_with_its_own_configuration() {
    let of = |word: &str| {
        let config = json!({ "init": "config", "word": word });
        let [_, with] = both(&PluginSpec {
            config,
            ..begun("")
        });
        with
    };
    let (one, other) = (of("one"), of("other"));
    assert!(literal(ask(&one, "/").await).contains(r#""word":"one""#));
    assert!(literal(ask(&other, "/").await).contains(r#""word":"other""#));
}

#[tokio::test]
async fn what_a_hook_prints_and_reads_is_seen_as_before() {
    let [without, with] = both(&begun("config"));
    for path in ["/", "/stderr", "/allocate"] {
        let [a, b] = [ask(&without, path).await, ask(&with, path).await];
        assert_eq!(a.reads, b.reads, "{path}");
        assert_eq!(literal(a), literal(b), "{path}");
    }
}

#[tokio::test]
async fn an_init_that_leaves_more_than_memory_runs_in_each_instance() {
    let more = "used more than the configuration";
    for (init, expected) in [
        ("hash", more),
        ("clock", more),
        ("elapsed", more),
        ("kv", more),
        ("metrics", more),
        ("stderr", "wrote to the log"),
        ("log", "wrote to the log"),
        ("env", "used WASI"),
        ("files", "used WASI"),
        ("refused", "was refused memory"),
    ] {
        let plugin = load(&begun(init));
        let refused = plugin.snapshot_now().expect_err(init);
        assert_eq!(refused, NoSnapshot::Init(expected), "{init}");
        let said = literal(ask(&plugin, "/").await);
        assert!(
            !plugin.has_snapshot() && said.starts_with("init 1, call 1, "),
            "{init}: {said}"
        );
    }
}

#[tokio::test]
async fn a_plugin_that_keeps_bodies_or_instances_or_has_no_init_is_left_as_it_is() {
    let reused = PluginSpec {
        isolation: Isolation::Reuse,
        ..begun("config")
    };
    for spec in [patient(guest("holds")), reused, patient(guest("state"))] {
        let plugin = load(&spec);
        assert_eq!(plugin.snapshot_now(), Err(NoSnapshot::NotFor));
        for decision in decisions(&plugin, &Arc::new(facts("/"))).await {
            assert!(decision.starts_with("Ok("), "{decision}");
        }
    }
}

/// Reading the memory takes a page more than the plugin has.
#[tokio::test]
async fn a_memory_limit_at_its_edge_is_no_failure() {
    const PAGE: u64 = 64 << 10;
    let with = |pages: u64| {
        let mut spec = begun("much");
        spec.limits.memory = pages * PAGE;
        spec
    };
    let loads = |pages: &u64| runtime().load(&with(*pages)).is_ok();
    let least = (48..200).find(loads).expect("it is not that much");
    for (pages, expected) in [(least, false), (least + 1, true)] {
        let plugin = load(&with(pages));
        let made = plugin.snapshot_now();
        let edge = "it could not be made: there is no memory left to read the memory with";
        match made {
            Ok(()) => assert!(expected, "{pages} pages"),
            Err(why) => assert_eq!((expected, why.to_string().as_str()), (false, edge)),
        }
        let said = literal(ask(&plugin, "/").await);
        assert!(said.starts_with("init 1, call 1, 3145728 bytes"), "{said}");
        // The hook itself may have as much as ever: nothing, here.
        let error = ask(&plugin, "/allocate").await.decision.unwrap_err();
        assert_eq!(error.as_str(), "memory-limit", "{error}");
    }
}

#[tokio::test]
async fn a_file_that_was_replaced_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("plugin.wasm");
    std::fs::copy(guest("begun"), &file).unwrap();
    let plugin = load(&patient(file.clone()));
    std::fs::copy(guest("init"), &file).unwrap();
    let refused = plugin.snapshot_now().unwrap_err().to_string();
    assert_eq!(
        refused,
        "it could not be made: the file is not the one that was loaded"
    );
    assert!(literal(ask(&plugin, "/").await).starts_with("init 1, "));
}

#[test]
fn nothing_of_it_is_kept_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let kept = folder.path().join("kept");
    let runtime = Runtime::new(Options {
        cache_dir: Some(kept.clone()),
        ..small()
    });
    let plugin = runtime.unwrap().load(&PluginSpec {
        config: json!({ "init": "config", "word": "a-word-of-the-configuration" }),
        ..begun("")
    });
    let files = || {
        let files = std::fs::read_dir(&kept).unwrap();
        files.map(|file| file.unwrap().path()).collect::<Vec<_>>()
    };
    let before = files();
    plugin.unwrap().snapshot_now().unwrap();
    assert_eq!((files(), before.len()), (before, 1));
}

/// Asks until instances begin with what `init` left, which is a matter of seconds.
async fn asked_for_a_while(plugin: &Arc<Plugin>) {
    let began = Instant::now();
    while !plugin.has_snapshot() && began.elapsed() < Duration::from_secs(120) {
        let mut transaction = Transaction::new();
        let called = transaction.cache_key(plugin, &common::request("/")).await;
        assert!(literal(called).starts_with("init 1, call 1, "));
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn it_is_done_in_the_background_when_init_has_cost_enough() {
    let runtime_after = |snapshot_after| {
        let options = Options {
            snapshot_after,
            ..small()
        };
        Runtime::new(options).unwrap()
    };
    let never = runtime_after(Duration::MAX);
    let soon = runtime_after(Duration::ZERO);
    let idle = soon.load(&begun("config")).unwrap();
    let [dear, cheap] = [&soon, &never].map(|runtime| runtime.load(&begun("config")).unwrap());
    // Plugins that are gone by their turn are passed over.
    let gone = soon.load(&begun("much")).unwrap();
    ask(&dear, "/").await;
    ask(&gone, "/").await;
    drop(gone);
    asked_for_a_while(&dear).await;
    assert!(dear.has_snapshot());
    for _ in 0..50 {
        ask(&cheap, "/").await;
    }
    assert!(!cheap.has_snapshot(), "it has not cost enough");
    assert!(!idle.has_snapshot(), "loading alone does not count");
}

#[tokio::test]
async fn what_init_has_not_printed_yet_is_printed_by_the_hook() {
    let lines = common::Lines::default();
    let subscriber = tracing_subscriber::fmt().json().with_writer(lines.clone());
    let [without, with] = both(&begun("unwritten"));
    let _guard = tracing::subscriber::set_default(subscriber.finish());
    for plugin in [without, with] {
        ask(&plugin, "/stderr").await;
        let said = lines.of_plugins();
        let said: Vec<_> = said
            .iter()
            .map(|line| line["fields"]["message"].as_str())
            .collect();
        let both = [Some("unwritten, from the hook"), Some("from the hook")];
        assert_eq!(said, both);
    }
}

#[tokio::test]
async fn all_snapshots_together_take_no_more_than_they_may() {
    // Enough for some, and not for a hundred.
    let options = Options {
        snapshot_bytes: 4 << 20,
        ..small()
    };
    let runtime = Runtime::new(options).unwrap();
    let load = || runtime.load(&begun("config")).unwrap();
    let (mut made, mut refused) = (Vec::new(), None);
    while refused.is_none() && made.len() < 100 {
        let plugin = load();
        match plugin.snapshot_now() {
            Ok(()) => made.push(plugin),
            Err(why) => refused = Some(why),
        }
    }
    let Some(NoSnapshot::Failed(why)) = refused else {
        panic!("{} were made", made.len());
    };
    assert!(why.contains("take all that they may"), "{why}");
    assert!(!made.is_empty(), "one has room");
    // What goes makes room.
    made.clear();
    assert_eq!(load().snapshot_now(), Ok(()));
}
