//! The hooks that rewrite and answer: viewer-request, origin-request, origin-response, viewer-response, with real Wasm.

use selvedge_tests::guests::guest;
use selvedge_tests::*;

/// The lines of a plugin from the guest `acts` with this configuration.
fn acting(top: &str, config: &str) -> String {
    format!("{top}\n[plugins.config]\n{config}")
}

fn with(origin: &Origin, config: &str) -> EdgeBuilder {
    Edge::in_front_of(origin).plugin("acts", &guest("acts"), &acting("", config))
}

#[test]
fn a_viewer_request_hook_rewrites_what_is_keyed_fetched_and_stored() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "viewer-request = \"when /old; path /new; query a=1; set X-Rewritten yes\"",
    )
    .tables("[[behaviors]]\npath = \"/new\"\norigin = \"main\"\ncache_policy = \"CachingDisabled\"")
    .start();
    origin
        .on("/new")
        .answers(Answer::ok("new").cache_control("max-age=60"));
    edge.get("/old")
        .expect(200)
        .body("new")
        .cache_status("stored");
    let seen = origin.request("/new");
    assert_eq!(seen.target(), "/new?a=1");
    assert_eq!(seen.field("X-Rewritten").as_deref(), Some("yes"));
    // The behavior is that of the path that the viewer asked for: the one of /new stores nothing.
    edge.get("/old").expect(200).cache_status("hit");
    edge.get("/older").expect(200).cache_status("hit");
    edge.get("/new")
        .expect(200)
        .cache_status("detail=caching-disabled");
}

#[test]
fn what_was_rewritten_is_invalidated_by_either_path() {
    let origin = Origin::start();
    let edge = with(&origin, "viewer-request = \"when /old; path /new\"").start();
    origin
        .on("/new")
        .answers(Answer::ok("new").cache_control("max-age=60"));
    for path in ["/old", "/new"] {
        edge.get("/old").expect(200);
        edge.get("/old").expect(200).cache_status("hit");
        let command = ["invalidate", "main", path, "--config"].map(std::ffi::OsString::from);
        run(command.into_iter().chain([edge.config().into_os_string()])).code(0);
        edge.get("/old").expect(200).no_cache_status("hit");
    }
}

#[test]
fn a_viewer_request_hook_answers_at_once_and_nothing_is_stored() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "viewer-request = \"set Location /there; respond 302 moved\"",
    )
    .start();
    for _ in 0..2 {
        edge.get("/a")
            .expect(302)
            .body("moved")
            .field("Location", "/there")
            .field("X-Cache", "PluginGeneratedResponse from selvedge")
            .no_field("Cache-Status")
            .no_field("Age");
    }
    edge.head("/a").expect(302).body("");
    assert!(origin.all_requests().is_empty());
    let line = edge.access("/a");
    assert!(
        line["hooks"].to_string().contains("viewer-request(acts)"),
        "{line}"
    );
    assert_eq!(line["reason"], "synthetic");
}

#[test]
fn a_body_is_read_and_replaced_where_a_hook_asks_for_it() {
    let origin = Origin::start();
    let all = "allowed_methods = \"any\"";
    for hook in ["viewer-request", "origin-request"] {
        let edge = with(&origin, &format!("{hook} = \"when /double; double-body\""))
            .behavior(all)
            .start();
        for path in ["/double", "/plain"] {
            origin.on(path).computes(|seen| Answer::ok(&seen.content));
        }
        edge.post("/double", "abc").expect(200).body("abcabc");
        edge.post("/plain", "abc").expect(200).body("abc");
        let large = vec![b'x'; (1 << 20) + 1];
        edge.post("/double", &large).expect(500);
        edge.wait_for_log("has more than 1048576 bytes");
        edge.post("/plain", &large).expect(200);
        let seen = origin.requests("/plain").pop().expect("it was asked");
        assert_eq!(seen.content_length, large.len() as u64);
    }
}

#[test]
fn what_a_hook_did_not_read_of_a_body_is_passed_on() {
    let origin = Origin::start();
    let edge = with(&origin, "viewer-request = \"tell body 10\"")
        .behavior("allowed_methods = \"any\"")
        .start();
    origin.on("/a").computes(|seen| Answer::ok(&seen.content));
    let long = "0123456789abcdef".repeat(10_000);
    edge.post("/a", &long).expect(200).body(&long);
    assert_eq!(
        origin.request("/a").field("X-Body").as_deref(),
        Some("the request's body has more than 10 bytes")
    );
}

#[test]
fn an_origin_request_hook_changes_what_goes_out_and_not_the_key() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "origin-request = \"path /other; set Host signed.example; set Authorization key; remove User-Agent\"",
    )
    .start();
    origin
        .on("/other")
        .answers(Answer::ok("x").cache_control("max-age=60"));
    edge.get("/a").with("User-Agent", "test").expect(200);
    let seen = origin.request("/other");
    assert_eq!(seen.field("Host").as_deref(), Some("signed.example"));
    assert_eq!(seen.field("Authorization").as_deref(), Some("key"));
    assert_eq!(seen.field("User-Agent"), None);
    edge.get("/a").expect(200).cache_status("hit");
    edge.get("/b").expect(200).no_cache_status("hit");
}

#[test]
fn what_an_origin_request_hook_answers_is_stored() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "origin-request = \"set Cache-Control max-age=60; set ETag \\\"1\\\"; respond 200 made\"",
    )
    .start();
    edge.get("/a")
        .expect(200)
        .body("made")
        .cache_status("stored");
    edge.get("/a").expect(200).body("made").cache_status("hit");
    edge.get("/a").with("If-None-Match", "\"1\"").expect(304);
    edge.get("/a")
        .with("Range", "bytes=1-2")
        .expect(206)
        .body("ad");
    edge.head("/a")
        .expect(200)
        .field("Content-Length", "4")
        .cache_status("hit");
    assert!(origin.all_requests().is_empty());
}

#[test]
fn an_origin_response_hook_edits_what_is_stored() {
    let origin = Origin::start();
    let edge = with(
        &origin,
        "origin-response = \"set Cache-Control max-age=60; remove Set-Cookie; append X-Seen yes\"",
    )
    .start();
    origin.on("/a").answers(
        Answer::ok("x")
            .cache_control("private")
            .field("Set-Cookie", "a=b")
            .field("ETag", "\"1\"")
            .or_304(),
    );
    edge.get("/a")
        .expect(200)
        .cache_status("stored")
        .no_field("Set-Cookie")
        .field("X-Seen", "yes");
    edge.get("/a")
        .expect(200)
        .cache_status("hit")
        .field("X-Seen", "yes");
    edge.advance(Secs(61));
    // A confirmation is edited too, and once is enough.
    edge.get("/a")
        .expect(200)
        .cache_status("fwd-status=304")
        .no_field("Set-Cookie")
        .field("X-Seen", "yes")
        .field("Cache-Control", "max-age=60");
    edge.get("/a").expect(200).cache_status("hit");
}

#[test]
fn an_origin_response_hook_has_another_origin_asked() {
    let (main, spare) = (Origin::start(), Origin::start());
    let edge = with(&main, "origin-response = \"when-status 404; ask spare\"")
        .distribution(|one| one.origin("spare", &spare))
        .start();
    main.on("/a").answers(Answer::status(404));
    spare
        .on("/a")
        .answers(Answer::ok("spare").cache_control("max-age=60"));
    edge.get("/a")
        .expect(200)
        .body("spare")
        .cache_status("stored");
    edge.get("/a").expect(200).cache_status("hit");
    // One that always asks again is stopped.
    spare.on("/b").answers(Answer::status(404));
    main.on("/b").answers(Answer::status(404));
    edge.get("/b").expect(500);
    edge.wait_for_log("it asks one origin after the other");
    assert_eq!(main.requests("/b").len() + spare.requests("/b").len(), 3);
}

#[test]
fn each_plugin_sees_the_request_as_the_one_before_left_it() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .plugin(
            "first",
            &guest("acts"),
            &acting(
                "",
                "viewer-request = \"path /b; set X-A 1\"\norigin-request = \"set X-C 3\"",
            ),
        )
        .plugin(
            "second",
            &guest("acts"),
            &acting(
                "",
                "viewer-request = \"when /b; copy X-A X-B\"\norigin-request = \"copy X-C X-D\"",
            ),
        )
        .start();
    origin.on("/b").answers(Answer::ok("x"));
    edge.get("/a").expect(200);
    let seen = origin.request("/b");
    assert_eq!(seen.field("X-B").as_deref(), Some("1"));
    assert_eq!(seen.field("X-D").as_deref(), Some("3"));
}

#[test]
fn a_field_that_belongs_to_the_host_is_named_in_the_error() {
    let origin = Origin::start();
    for (hook, step, field) in [
        ("viewer-request", "set Via x", "via"),
        ("origin-request", "set If-None-Match x", "if-none-match"),
        ("origin-request", "set Range bytes=0-1", "range"),
        ("origin-response", "set Content-Length 3", "content-length"),
        ("origin-response", "set Content-Range x", "content-range"),
        ("viewer-response", "set X-Cache x", "x-cache"),
    ] {
        let edge = with(&origin, &format!("{hook} = \"{step}\"")).start();
        origin.on("/a").answers(Answer::ok("x"));
        let response = edge.get("/a").expect(500);
        let line = edge.wait_for_log(field).to_string();
        assert!(
            line.contains(hook) && line.contains("bad-decision"),
            "{line}"
        );
        assert_eq!(
            edge.access("/a")["reason"],
            format!("{hook}-failed"),
            "{response:?}"
        );
    }
}

#[test]
fn a_hook_that_fails_may_be_left_out() {
    let origin = Origin::start();
    for hook in [
        "viewer-request",
        "origin-request",
        "origin-response",
        "viewer-response",
    ] {
        for (step, word) in [
            ("fail", "guest-error"),
            ("panic", "trap"),
            ("set Via x", "bad-decision"),
        ] {
            let config = format!("{hook} = \"{step}\"");
            let edge = Edge::in_front_of(&origin)
                .plugin(
                    "acts",
                    &guest("acts"),
                    &acting("on_error = \"continue\"", &config),
                )
                .start();
            origin
                .on("/a")
                .answers(Answer::ok("x").cache_control("max-age=60"));
            edge.get("/a").expect(200).body("x").cache_status("stored");
            let line = edge.wait_for_log(word).to_string();
            assert!(line.contains(hook), "{line}");
            let calls = format!(
                "selvedge_hook_calls_total{{distribution=\"main\",plugin=\"acts\",hook=\"{hook}\",outcome=\"{word}\"}}"
            );
            assert_eq!(edge.metric(&calls), Some(1.0));
        }
    }
}

#[test]
fn an_edit_by_something_unkeyed_is_warned_of() {
    let origin = Origin::start();
    origin.on("/a").answers(Answer::ok("x"));
    for hook in ["origin-request", "origin-response"] {
        let config = format!("{hook} = \"copy X-Device X-Class\"");
        let edge = with(&origin, &config).start();
        edge.get("/a").expect(200);
        edge.wait_for_log("which is not in the cache key");
        let edge = with(&origin, &config)
            .cache("headers = [\"X-Device\"]")
            .start();
        edge.get("/a").expect(200);
        edge.access("/a");
        let log = edge.log().join("\n");
        assert!(!log.contains("not in the cache key"), "{log}");
    }
}

#[test]
fn explain_tells_what_the_viewer_request_hook_makes_of_a_request() {
    let origin = Origin::start();
    let edge = with(&origin, "viewer-request = \"when /old; path /new\"").start();
    let explain = |path: &str| {
        let words = [
            "explain".to_owned(),
            format!("http://{ALIAS}{path}"),
            "--config".to_owned(),
        ];
        let words = words.map(std::ffi::OsString::from);
        run(words.into_iter().chain([edge.config().into_os_string()])).code(0)
    };
    explain("/old")
        .prints("viewer-request acts: edit path /new")
        .prints("cache-key     acts: policy")
        .prints("key           distribution=main path=/new");
    assert!(origin.all_requests().is_empty());
}
