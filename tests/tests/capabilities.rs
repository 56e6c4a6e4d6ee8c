//! Imports of plugins from the host: key-value data, backends, stored values, metrics, secrets.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::ffi::OsString;
use std::fs;

/// The lines of a plugin from the guest `acts`, with these backends, a secret, and this configuration.
fn acting(capabilities: &str, config: &str) -> String {
    format!(
        "{capabilities}\n[plugins.secrets]\ntoken = {{ file = \"token\" }}\n[plugins.config]\n{config}"
    )
}

/// An edge that runs `acts` so; its folder has the secret that it names.
fn start(origin: &Origin, capabilities: &str, config: &str) -> Edge {
    let builder =
        Edge::in_front_of(origin).plugin("acts", &guest("acts"), &acting(capabilities, config));
    let dir = builder.write();
    fs::write(dir.path().join("distributions/token"), "hush hush\n").expect("the folder is ours");
    Edge::start_in(dir)
}

fn command(edge: &Edge, words: &[&str]) -> Run {
    let words = words.iter().map(OsString::from);
    run(words.chain(["--config".into(), edge.config().into_os_string()]))
}

#[test]
fn hooks_read_key_value_data_as_it_is_now() {
    let origin = Origin::start();
    let edge = start(&origin, "", "viewer-response = \"tell kv /a\"");
    edge.get("/x").expect(404).field("X-Kv", "none");
    command(&edge, &["kv", "main", "set", "/a", "one"]).code(0);
    edge.get("/x").expect(404).field("X-Kv", "one");
    command(&edge, &["kv", "main", "delete", "/a"]).code(0);
    edge.get("/x").expect(404).field("X-Kv", "none");
}

#[test]
fn backends_are_asked_several_at_once_within_their_bounds() {
    let (origin, backend) = (Origin::start(), Origin::start());
    let address = backend.address();
    let capabilities = format!(
        "[plugins.fetch.api]\nurl = \"http://{address}/v1\"\nallow_private = true\nmax_bytes = 1024\ntimeout = \"500 ms\"\n\
         [plugins.fetch.private]\nurl = \"http://{address}\"\n\
         [plugins.fetch.local]\nurl = \"http://localhost:{}\"\n",
        address.port()
    );
    let edge = start(
        &origin,
        &capabilities,
        "viewer-response = \"tell fetch api=/a,api=/b?c=1,private=/a,local=/a,nobody=/a,api=/large,api=/silent\"",
    );
    backend.on("/v1/a").answers(Answer::ok("one"));
    backend
        .on("/v1/b")
        .answers(Answer::status(404).content("two"));
    backend.on("/v1/large").answers(Answer::generated(1025));
    backend.on("/v1/silent").answers(Answer::silence());
    edge.get("/x").expect(404).field(
        "X-Fetch",
        "200 one, 404 two, FetchError::Denied, FetchError::Denied, FetchError::UnknownBackend, FetchError::TooLarge, FetchError::TimedOut",
    );
    let seen = backend.request("/v1/b");
    assert_eq!(seen.target(), "/v1/b?c=1");
    assert_eq!(seen.field("X-From").as_deref(), Some("acts"));
    assert_eq!(seen.field("Host"), Some(address.to_string()));
}

#[test]
fn stored_values_live_for_their_time_and_go_with_their_tag() {
    let origin = Origin::start();
    let edge = start(
        &origin,
        "",
        "viewer-request = \"when /put; put a 1\"\nviewer-response = \"tell cached a\"",
    );
    let value = |path: &str| {
        edge.get(path)
            .expect(404)
            .get("X-Cached")
            .unwrap_or_default()
    };
    assert_eq!(value("/x"), "none");
    assert_eq!(value("/put"), "1");
    assert_eq!(value("/x"), "1");
    edge.advance(Secs(60));
    assert_eq!(value("/x"), "none");
    assert_eq!(value("/put"), "1");
    command(&edge, &["invalidate", "main", "--tag", "acts"]).code(0);
    assert_eq!(value("/x"), "none");
}

#[test]
fn stored_values_and_their_tags_are_those_of_one_distribution() {
    let origin = Origin::start();
    let plugin = acting(
        "",
        "viewer-request = \"when /put; put a 1\"\nviewer-response = \"tell cached a\"",
    );
    let other = Distribution::new("other", origin.address())
        .alias("other.example.test")
        .plugin("acts", &guest("acts"), &plugin);
    let dir = Edge::in_front_of(&origin)
        .plugin("acts", &guest("acts"), &plugin)
        .and(other)
        .write();
    fs::write(dir.path().join("distributions/token"), "hush hush\n").expect("the folder is ours");
    let edge = Edge::start_in(dir);
    let cached = |ask: Ask| ask.expect(404).get("X-Cached").unwrap_or_default();
    let other = |path: &str| edge.get(path).host("other.example.test");
    assert_eq!(cached(edge.get("/put")), "1");
    assert_eq!(cached(other("/x")), "none");
    assert_eq!(cached(other("/put")), "1");
    command(&edge, &["invalidate", "other", "--tag", "acts"]).code(0);
    assert_eq!(cached(other("/x")), "none");
    assert_eq!(cached(edge.get("/x")), "1");
}

#[test]
fn a_plugin_invalidates_stored_responses_by_tag() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("tag_header = \"Surrogate-Key\""))
        .plugin(
            "acts",
            &guest("acts"),
            "[plugins.config]\nviewer-request = \"when /purge; invalidate t1\"",
        )
        .start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("max-age=60")
            .field("Surrogate-Key", "t1"),
    );
    edge.get("/a").expect(200);
    edge.get("/a").expect(200).cache_status("hit");
    edge.get("/purge").expect(404);
    edge.get("/a").expect(200).no_cache_status("hit");
}

#[test]
fn figures_of_plugins_are_among_the_metrics_and_bounded() {
    let origin = Origin::start();
    let many: Vec<String> = (0..60).map(|n| format!("count many_{n}")).collect();
    let mut edge = start(
        &origin,
        "",
        &format!(
            "viewer-request = \"count visits 2; observe size 12.5; {}\"",
            many.join("; ")
        ),
    );
    edge.get("/x").expect(404);
    edge.get("/x").expect(404);
    let labels = "{distribution=\"main\",plugin=\"acts\",name=\"visits\"}";
    assert_eq!(
        edge.metric(&format!("selvedge_plugin_count_total{labels}")),
        Some(4.0)
    );
    let size = "{distribution=\"main\",plugin=\"acts\",name=\"size\"}";
    assert_eq!(
        edge.metric(&format!("selvedge_plugin_value_count{size}")),
        Some(2.0)
    );
    assert_eq!(
        edge.metric_sum("selvedge_plugin_count_total", "many_"),
        2.0 * 48.0
    );
    edge.wait_for_log("the plugin has 50 others");
    // They go with the plugin.
    edge.write_distribution(&Distribution::new("main", origin.address()).alias(ALIAS));
    edge.reload();
    edge.wait_for_log("has been reloaded");
    eventually("the figures are gone", || {
        edge.metric(&format!("selvedge_plugin_count_total{labels}"))
            .is_none()
            && edge.metric_sum("selvedge_hook_calls_total", "plugin=\"acts\"") == 0.0
    });
}

#[test]
fn secrets_are_read_and_never_printed() {
    let origin = Origin::start();
    let edge = start(
        &origin,
        "",
        "viewer-request = \"when /say; query-of-secret token\"\n\
         origin-request = \"tell secret token; tell secret nothing\"",
    );
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200);
    let lines: Vec<String> = {
        let seen = origin.request("/a");
        seen.head.fields.all("X-Secret")
    };
    assert_eq!(lines, ["hush hush", "none"]);
    edge.access("/a");
    // A query with a space is none, and the error names it.
    edge.get("/say").expect(500);
    let hooks = edge.access("/say")["hooks"].to_string();
    assert!(hooks.contains("the query `***` is not valid"), "{hooks}");
    assert!(
        !edge.log().join("\n").contains("hush"),
        "{}",
        edge.log().join("\n")
    );
}

#[test]
fn a_secret_in_a_cache_key_is_shown_to_nobody() {
    let origin = Origin::start();
    let plugin = acting(
        "",
        "key-of-secret = \"token\"\n\
         origin-request = \"tell cache-key\"\n\
         viewer-response = \"tell cache-key\"",
    );
    let dir = Edge::in_front_of(&origin)
        .server("debug_fields = true")
        .plugin("acts", &guest("acts"), &plugin)
        .write();
    fs::write(dir.path().join("distributions/token"), "hush hush\n").expect("the folder is ours");
    let edge = Edge::start_in(dir);
    origin
        .on("/a")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    let key = "distribution=main path=/a literal=***";
    for _ in 0..2 {
        let asked = edge.get("/a").with("Selvedge-Debug", "key").expect(200);
        let status = asked.get("Cache-Status").unwrap_or_default();
        assert!(status.contains(&format!("key=\"{key}\"")), "{status}");
        // Another plugin may see it, and does not know that it is one.
        asked.field("X-Cache-Key", key);
    }
    assert_eq!(
        origin.request("/a").field("X-Cache-Key").as_deref(),
        Some(key)
    );
    let url = format!("http://{ALIAS}/a");
    for words in [&["cache", "ls", &url][..], &["explain", &url]] {
        let shown = command(&edge, words).code(0).prints("literal=***");
        assert!(!shown.stdout.contains("hush"), "{}", shown.stdout);
    }
    edge.access("/a");
    let log = edge.log().join("\n");
    assert!(!log.contains("hush"), "{log}");
}

#[test]
fn what_the_configuration_does_not_name_is_not_there_and_nothing_is_refused_for_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .plugin(
            "acts",
            &guest("acts"),
            "[plugins.config]\nviewer-response = \"tell secret token; tell fetch api=/a\"",
        )
        .start();
    edge.get("/x")
        .expect(404)
        .field("X-Secret", "none")
        .field("X-Fetch", "FetchError::UnknownBackend");
}

#[test]
fn a_missing_secret_fails_check_at_its_place() {
    let origin = Origin::start();
    Edge::in_front_of(&origin)
        .plugin(
            "acts",
            &guest("acts"),
            "[plugins.secrets]\ntoken = { file = \"none\" }\nother = { env = \"SELVEDGE_NO_SUCH_VARIABLE\" }",
        )
        .check()
        .code(2)
        .reports("the secret `token` can't be read")
        .reports("the environment has no variable SELVEDGE_NO_SUCH_VARIABLE");
}

#[test]
fn a_configuration_that_init_refuses_fails_check_with_the_plugins_words() {
    let origin = Origin::start();
    Edge::in_front_of(&origin)
        .plugin(
            "acts",
            &guest("acts"),
            "[plugins.config]\nrefuse = \"the colour is wrong\"",
        )
        .check()
        .code(2)
        .reports("the colour is wrong");
}

#[test]
fn an_origin_selection_hook_names_hosts_that_the_configuration_allows() {
    let (main, other) = (Origin::start(), Origin::start());
    let config = |host: &str| {
        format!(
            "[plugins.config]\nhost = \"{host}:{}\"",
            other.address().port()
        )
    };
    let edge = |host: &str| {
        Edge::in_front_of(&main)
            .distribution(|one| {
                one.top("allowed_hosts = [\"localhost\", \"127.0.0.1\", \"*.images.example\"]")
            })
            .plugin("acts", &guest("acts"), &config(host))
            .start()
    };
    other.on("/a").answers(Answer::ok("other"));
    let allowed = edge("127.0.0.1");
    allowed.get("/a").expect(200).body("other");
    assert_eq!(allowed.access("/a")["origin"], "127.0.0.1");
    assert_eq!(
        other.request("/a").field("Host"),
        Some(format!("127.0.0.1:{}", other.address().port()))
    );
    let refused = edge("elsewhere.example");
    refused.get("/a").expect(500);
    refused.wait_for_log("it chose the host 'elsewhere.example', but `allowed_hosts`");
    assert!(main.all_requests().is_empty());
}
