//! Loading as a whole. What is refused, and how that reads, is in `tests/config/invalid`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::Method;
use http::header::{ACCEPT_LANGUAGE, HOST, USER_AGENT};
use selvedge_caching::{Compatibility, ErrorMinimum};

use super::*;

fn good() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/good")
}

fn load_good() -> Config {
    load(&good()).unwrap_or_else(|report| panic!("{report}"))
}

/// Loads a distribution file with this text.
fn load_text(text: &str) -> Result<Config, Report> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    std::fs::write(&path, text).unwrap();
    load_one(&path)
}

/// A small good distribution with these lines added to its default behavior.
fn with_behavior(lines: &str) -> Result<Config, Report> {
    let origin = "[[origins]]\nid = \"main\"\ndomain = \"origin.example\"";
    load_text(&format!(
        "id = \"shop\"\n{origin}\n[default_behavior]\norigin = \"main\"\n{lines}"
    ))
}

#[test]
fn a_server_file_with_everything_becomes_its_plan() {
    let server = load_good().server;
    assert_eq!(
        server.listen,
        ["127.0.0.1:8080", "[::1]:8080"].map(|a| a.parse().unwrap())
    );
    assert_eq!(server.admin, Some("127.0.0.1:8081".parse().unwrap()));
    assert_eq!(server.socket, good().join("run/selvedge.sock"));
    assert_eq!(server.domain_suffix, "edge.example");
    assert_eq!(*server.distributions, good().join("distributions"));
    assert_eq!(server.edge, "fra-1");
    assert!(!server.access_log);
    assert_eq!(server.workers, Some(2));
    let store = StoreSettings {
        dir: good().join("cache"),
        memory_bytes: 128 << 20,
        disk_bytes: 1 << 30,
        max_object_bytes: 256 << 20,
    };
    assert_eq!(server.store, store);
    let limits = Limits {
        cpu: Duration::from_millis(20),
        wall: Duration::from_millis(500),
        memory: 32 << 20,
        ..Limits::default()
    };
    assert_eq!(server.limits, limits);
}

#[test]
fn an_empty_server_file_means_the_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("selvedge.toml");
    std::fs::write(&path, "").unwrap();
    std::fs::create_dir(folder.path().join("distributions")).unwrap();
    std::fs::copy(
        good().join("distributions/blog.toml"),
        folder.path().join("distributions/a.toml"),
    )
    .unwrap();
    let server = load(&path).unwrap().server;
    let expected = Server::new(folder.path());
    assert_eq!(*server.distributions, *expected.distributions);
    assert_eq!(
        Server {
            distributions: expected.distributions.clone(),
            ..server
        },
        expected
    );
    assert_eq!(expected.socket, folder.path().join(".selvedge/admin.sock"));
}

#[test]
fn origins_become_their_plan() {
    let config = load_good();
    let shop = config.distribution("shop").unwrap();
    let main = shop.origin("main").unwrap();
    assert_eq!(main.domain, "origin.shop.example");
    assert_eq!(main.protocol, Protocol::HttpsOnly);
    assert_eq!(
        (main.http_port, main.https_port, main.path.as_str()),
        (8080, 8443, "/site")
    );
    let fields: Vec<(&str, &str)> = main
        .fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap()))
        .collect();
    assert_eq!(fields, [("x-edge", "selvedge"), ("x-token", "a b")]);
    assert_eq!(main.connection_attempts, 2);
    assert_eq!(main.connection_timeout, Duration::from_secs(4));
    assert_eq!(main.read_timeout, Duration::from_secs(20));
    assert_eq!(main.keepalive_timeout, Duration::from_secs(60));
    assert_eq!(
        main.response_completion_timeout,
        Some(Duration::from_secs(600))
    );
    assert_eq!(
        **main.ca_file.as_ref().unwrap(),
        good().join("distributions/../ca.pem")
    );

    let canary = shop.origin("canary").unwrap();
    assert_eq!(canary.domain, "[::1]");
    assert_eq!(canary.host_field, "[::1]");
    assert_eq!(canary.protocol, Protocol::HttpOnly);
    assert_eq!(
        (canary.http_port, canary.https_port, canary.path.as_str()),
        (80, 443, "")
    );
    assert_eq!(canary.connection_attempts, 3);
    assert_eq!(canary.connection_timeout, Duration::from_secs(10));
    assert_eq!(canary.read_timeout, Duration::from_secs(30));
    assert_eq!(canary.keepalive_timeout, Duration::from_secs(5));
    assert_eq!(canary.response_completion_timeout, None);
}

#[test]
fn behaviors_become_their_plan_with_the_default_one_last() {
    let config = load_good();
    let shop = config.distribution("shop").unwrap();
    let [images, api, default] = shop.behaviors.as_slice() else {
        panic!("{:?}", shop.behaviors);
    };

    assert_eq!(images.pattern.as_str(), "/images/*.jp?g");
    assert_eq!(*shop.origins[images.origin].id, "canary");
    assert_eq!(images.range_slices, Some(1 << 20));
    assert_eq!(images.policy.default_ttl, 30 * 86_400);
    let whole_query = KeyPolicy {
        query: NameSet::All,
        scheme: true,
        ..KeyPolicy::default()
    };
    assert_eq!(images.key, whole_query);

    assert!(api.allowed_methods.contains(&Method::DELETE));
    assert!(
        !api.allowed_methods
            .contains(&Method::from_bytes(b"PROPFIND").unwrap())
    );
    assert!(!api.cached_methods.contains(&Method::OPTIONS));
    assert_eq!(
        [
            api.policy.min_ttl,
            api.policy.default_ttl,
            api.policy.max_ttl
        ],
        [0, 0, 0]
    );
    let forward = ForwardPolicy {
        query: Some(NameSet::All),
        fields: Some(FieldSet::Except(vec![HOST])),
        cookies: Some(NameSet::All),
    };
    assert_eq!(api.forward, forward);

    assert!(default.pattern.is_everything());
    assert_eq!(default.origin, 0);
    assert_eq!(default.allowed_methods, AllowedMethods::GetHeadOptions);
    assert_eq!(default.cached_methods, CachedMethods::GetHeadOptions);
    assert_eq!(default.plugins, [1, 0]);
    assert_eq!(
        default.forward.fields,
        Some(FieldSet::Only(vec![USER_AGENT]))
    );
    assert_eq!(default.forward.query, Some(NameSet::All));
}

#[test]
fn a_cache_table_becomes_policy_and_key() {
    let config = load_good();
    let behavior = config
        .distribution("shop")
        .unwrap()
        .behaviors
        .last()
        .unwrap();
    let policy = &behavior.policy;
    assert_eq!(
        [policy.min_ttl, policy.default_ttl, policy.max_ttl],
        [60, 86_400, 31_536_000]
    );
    assert_eq!(
        policy.error_min_ttl,
        ErrorMinimum::of_default(0).with(403, 5).with(404, 60)
    );
    assert!(policy.honor_viewer_cache_control);
    assert_eq!(policy.compatibility, Compatibility::Cloudfront);
    assert_eq!(
        (policy.max_variants, policy.max_tags, policy.max_field_bytes),
        (8, 16, 16 << 10)
    );
    assert_eq!(
        policy.tag_field.as_ref().map(http::HeaderName::as_str),
        Some("surrogate-key")
    );
    let key = &behavior.key;
    assert_eq!(key.fields, [ACCEPT_LANGUAGE]);
    assert_eq!(key.accept_encoding, [Coding::Brotli, Coding::Gzip]);
    let asked = ["page", "utm_source", "fbclid", "fbclid2", "UTM_source"];
    assert_eq!(
        asked.map(|name| key.query.contains(name)),
        [true, false, false, true, true]
    );
    assert!(key.cookies.contains("session") && !key.cookies.contains("session2"));
}

#[test]
fn plugins_become_their_plan_with_the_servers_limits_below_their_own() {
    let config = load_good();
    let shop = config.distribution("shop").unwrap();
    let [device, ttl] = shop.plugins.as_slice() else {
        panic!("{:?}", shop.plugins);
    };
    assert_eq!(*device.name, "device");
    assert_eq!(
        *device.file,
        good().join("distributions/../plugins/device.wasm")
    );
    let hooks: Vec<&str> = device.hooks.iter().map(|hook| hook.value).collect();
    assert_eq!(hooks, ["cache-key", "origin-selection"]);
    assert_eq!(
        (device.isolation, device.on_error),
        (Isolation::Reuse, OnError::Continue)
    );
    assert_eq!(
        (device.limits.cpu, device.limits.wall),
        (Duration::from_millis(5), Duration::from_millis(500))
    );
    assert_eq!(
        (device.limits.log_lines, device.limits.memory),
        (0, 32 << 20)
    );
    let expected = serde_json::json!({
        "mobile": "phone",
        "since": "2026-01-02",
        "weights": [1, 2.5, true, { "deep": "x" }],
    });
    assert_eq!(device.config, expected);

    assert_eq!(ttl.config, serde_json::Value::Null);
    assert_eq!(
        (ttl.isolation, ttl.on_error),
        (Isolation::Request, OnError::Fail)
    );
    assert!(ttl.hooks.is_empty());
    assert_eq!(ttl.limits, config.server.limits);
}

#[test]
fn hosts_lead_to_their_distribution_also_to_a_disabled_one() {
    let config = load_good();
    let id = |host: &str| {
        config
            .distribution_for(host)
            .map(|distribution| distribution.id.as_str())
    };
    assert_eq!(id("www.shop.example"), Some("shop"));
    assert_eq!(id("anything.else.shop.example"), Some("shop"));
    assert_eq!(id("blog.shop.example"), Some("blog"));
    assert_eq!(id("shop.example"), None);
    assert!(!config.distribution("blog").unwrap().enabled);
    for distribution in &config.distributions {
        assert_eq!(
            distribution.domain,
            assigned(&distribution.id, "edge.example")
        );
        assert_eq!(id(&distribution.domain), Some(distribution.id.as_str()));
    }
    assert!(config.warnings.is_empty(), "{}", config.warnings);
    assert_eq!(config.files().count(), 3);
}

#[test]
fn the_first_behavior_that_matches_the_normal_path_is_chosen() {
    let config = load_good();
    let shop = config.distribution("shop").unwrap();
    for (path, pattern) in [
        ("/images/a/b.jpeg", "/images/*.jp?g"),
        ("//images/./a.jpeg", "/images/*.jp?g"),
        ("/images/../api/x", "/api/*"),
        ("/images/%2e%2e/api/x", "/api/*"),
        ("/api", "*"),
        ("/", "*"),
        ("/Images/a.jpeg", "*"),
    ] {
        assert_eq!(shop.behavior_for(path).pattern.as_str(), pattern, "{path}");
    }
}

#[test]
fn a_lifetime_that_is_left_out_gives_way_to_those_that_are_there() {
    let lifetimes = |cache: &str| {
        let config = with_behavior(&format!("cache = {{ {cache} }}"))
            .unwrap_or_else(|report| panic!("{report}"));
        let policy = &config.distributions[0].behaviors[0].policy;
        [policy.min_ttl, policy.default_ttl, policy.max_ttl]
    };
    assert_eq!(lifetimes(""), [0, 86_400, 31_536_000]);
    assert_eq!(lifetimes("max_ttl = \"1 h\""), [0, 3_600, 3_600]);
    assert_eq!(
        lifetimes("min_ttl = \"2 d\""),
        [172_800, 172_800, 31_536_000]
    );
    assert_eq!(
        lifetimes("default_ttl = \"800 d\""),
        [0, 69_120_000, 69_120_000]
    );
    assert_eq!(
        lifetimes("min_ttl = \"500 d\""),
        [43_200_000, 43_200_000, 43_200_000]
    );
    assert_eq!(lifetimes("min_ttl = 1, max_ttl = 1"), [1, 1, 1]);
}

#[test]
fn a_warning_does_not_refuse_a_configuration() {
    let config = with_behavior("[[plugins]]\nname = \"idle\"\nfile = \"idle.wasm\"").unwrap();
    let [warning] = config.warnings.problems() else {
        panic!("{}", config.warnings);
    };
    assert_eq!(warning.severity(), Severity::Warning);
    assert_eq!(warning.message(), "no behavior runs the plugin `idle`");
}

#[test]
fn a_later_check_can_point_into_the_files() {
    let config = load_good();
    let file = &config.distribution("shop").unwrap().plugins[1].file;
    let problem = config
        .problem(&file.at, "the plugin file is missing")
        .help("build it");
    let report = config.report(vec![problem]).to_string();
    let expected =
        "\n   |\n82 | file = \"ttl.wasm\"\n   |        ^^^^^^^^^^\n   = help: build it\n";
    assert!(
        report.starts_with("error: the plugin file is missing\n  --> "),
        "{report}"
    );
    assert!(
        report.contains("shop.toml:82:8\n") && report.contains(expected),
        "{report}"
    );
}

#[test]
fn no_damage_to_a_file_makes_loading_panic() {
    let whole = std::fs::read_to_string(good().join("distributions/shop.toml")).unwrap();
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % u64::try_from(below).unwrap()).unwrap()
    };
    let pieces = [
        "",
        "\"",
        "\u{e9}",
        "[",
        "]]",
        "=",
        "\n",
        "\t",
        "-1",
        "9".repeat(30).leak(),
        "{",
        "*",
        "\r\n",
        "\u{7f}",
    ];
    let mut refused = 0;
    for round in 0..500 {
        let mut text: Vec<char> = whole.chars().collect();
        for _ in 0..=random(3) {
            let (start, length) = (random(text.len()), random(12));
            let end = (start + length).min(text.len());
            text.splice(start..end, pieces[random(pieces.len())].chars());
        }
        let text: String = text.into_iter().collect();
        if let Err(report) = load_text(&text) {
            refused += 1;
            assert!(
                report.has_errors() && report.to_string().contains("error: "),
                "round {round}: {text}"
            );
        }
    }
    assert!(
        refused > 250,
        "only {refused} files were refused: the damage was too little"
    );
}
