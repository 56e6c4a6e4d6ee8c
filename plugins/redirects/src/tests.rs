//! The hook as a plain function: no host, no WebAssembly.

use super::*;

/// Takes a configuration, as the host does for each instance.
fn configured(json: &str) -> Result<()> {
    config::set_json(json);
    read_configuration(config::read()?)
}

fn entries(entries: &[(&str, &str)]) {
    for (key, value) in entries {
        kv::set(key, value);
    }
}

fn decided(url: &str) -> Result<ViewerRequestDecision> {
    on_viewer_request(&Request::builder("GET", url).build())
}

fn next(url: &str) -> bool {
    decided(url) == Ok(ViewerRequestDecision::Next)
}

/// Status and Location of a redirect.
fn redirect(url: &str) -> (u16, String) {
    match decided(url) {
        Ok(ViewerRequestDecision::Respond(response)) => {
            let location = response.field_text("Location");
            (response.status, location.expect("it leads somewhere"))
        }
        other => panic!("{url}: {other:?}"),
    }
}

fn location(url: &str) -> String {
    redirect(url).1
}

fn refusal(url: &str) -> String {
    decided(url).unwrap_err().to_string()
}

#[test]
fn an_entry_for_the_path_redirects_with_its_status() {
    entries(&[
        ("/a", "/b"),
        ("/temporary", "302 https://www.example.org/x"),
        ("/form", "307 /new"),
    ]);
    assert_eq!(redirect("/a"), (301, "/b".to_owned()));
    assert_eq!(
        redirect("/temporary"),
        (302, "https://www.example.org/x".to_owned())
    );
    assert_eq!(redirect("/form"), (307, "/new".to_owned()));
    assert!(next("/a/"));
    assert!(next("/A"));
    assert_eq!(metrics::counted("redirected"), 3);
}

#[test]
fn the_longest_beginning_wins_and_the_path_itself_before_it() {
    entries(&[
        ("/*", "/archive/*"),
        ("/docs/*", "/manual/*"),
        ("/docs/v1/*", "/old-manual/*"),
        ("/docs/v1/index", "/start"),
    ]);
    assert_eq!(location("/docs/v1/index"), "/start");
    assert_eq!(location("/docs/v1/a/b"), "/old-manual/a/b");
    assert_eq!(location("/docs/v1/"), "/old-manual/");
    assert_eq!(location("/docs/v1"), "/manual/v1");
    assert_eq!(location("/docs"), "/archive/docs");
}

#[test]
fn a_target_without_a_star_is_the_same_for_all_that_begin_so() {
    entries(&[("/shop/*", "302 /closed")]);
    assert_eq!(redirect("/shop/1/2"), (302, "/closed".to_owned()));
}

#[test]
fn the_query_goes_along_unless_it_is_dropped() {
    entries(&[
        ("/a", "/b"),
        ("/c", "/d?x=1#part"),
        ("/e", "301 /f drop-query"),
        ("/g/*", "/h/*"),
    ]);
    assert_eq!(location("/a?p=1&q"), "/b?p=1&q");
    assert_eq!(location("/a?"), "/b");
    assert_eq!(location("/c?p=1"), "/d?x=1&p=1#part");
    assert_eq!(location("/e?p=1"), "/f");
    assert_eq!(location("/g/1?p=1"), "/h/1?p=1");

    configured(r#"{ "keep_query": false }"#).unwrap();
    entries(&[("/e", "301 /f keep-query")]);
    assert_eq!(location("/a?p=1"), "/b");
    assert_eq!(location("/e?p=1"), "/f?p=1");
}

#[test]
fn a_rewrite_goes_on_under_another_path() {
    entries(&[
        ("/app/*", "rewrite /index.html"),
        ("/v2/*", "rewrite /internal/*"),
        ("/q", "rewrite /search?kind=all"),
        ("/r", "rewrite /s drop-query"),
    ]);
    let rewritten =
        |path: &str, query: &str| Ok(RequestEdits::new().path(path).query(query).into());
    assert_eq!(decided("/app/settings"), rewritten("/index.html", ""));
    assert_eq!(decided("/v2/a?x=1"), rewritten("/internal/a", "x=1"));
    assert_eq!(decided("/q?x=1"), rewritten("/search", "kind=all&x=1"));
    assert_eq!(decided("/r?x=1"), rewritten("/s", ""));
    assert_eq!(metrics::counted("rewritten"), 4);
}

#[test]
fn what_is_gone_is_gone() {
    entries(&[("/gone", "410")]);
    let gone = SyntheticResponse::new(410).text("Gone\n");
    assert_eq!(decided("/gone?x=1"), Ok(gone.into()));
}

#[test]
fn no_viewer_chooses_another_host() {
    entries(&[("/old/*", "/*"), ("/out/*", "https://www.example.org/*")]);
    assert_eq!(location("/old//evil.example"), "/evil.example");
    assert_eq!(location("/old/\\evil.example"), "/evil.example");
    assert_eq!(location("/old/\\/\\evil.example"), "/evil.example");
    assert_eq!(
        location("/out/.evil.example"),
        "https://www.example.org/.evil.example"
    );
    assert_eq!(
        location("/out/@evil.example"),
        "https://www.example.org/@evil.example"
    );
}

#[test]
fn no_viewer_climbs_out_of_a_target() {
    entries(&[("/public/*", "rewrite /files/public/*")]);
    for url in [
        "/public/../secret",
        "/public/a/..",
        "/public/%2e%2E/secret",
        "/public/.%2e/secret",
        "/public/./a",
        "/public/..\\secret",
    ] {
        assert!(next(url), "{url}");
    }
    let edits = RequestEdits::new().path("/files/public/..a").query("");
    assert_eq!(decided("/public/..a"), Ok(edits.into()));
}

#[test]
fn entries_may_be_for_one_host() {
    configured(r#"{ "by_host": true, "prefix": "moved:" }"#).unwrap();
    entries(&[
        ("moved:example.com/*", "https://www.example.com/*"),
        ("moved:/a", "/b"),
        ("/c", "/d"),
    ]);
    assert_eq!(
        location("https://Example.com:8443/a"),
        "https://www.example.com/a"
    );
    assert_eq!(location("https://www.example.com/a"), "/b");
    assert!(next("/c"));
}

#[test]
fn browsers_keep_redirects_for_as_long_as_the_configuration_says() {
    configured(r#"{ "status": 308, "max_age_seconds": 600 }"#).unwrap();
    entries(&[("/a", "/b")]);
    let expected = SyntheticResponse::redirect(308, "/b").field("Cache-Control", "max-age=600");
    assert_eq!(decided("/a"), Ok(expected.into()));
}

#[test]
fn long_paths_and_deep_ones_cost_little_and_find_their_beginnings() {
    entries(&[("/*", "302 /deep")]);
    assert_eq!(location(&format!("/{}", "a/".repeat(4_000))), "/deep");
    assert_eq!(location(&format!("/{}", "a".repeat(8_000))), "/deep");
    entries(&[(&format!("/{}*", "b/".repeat(32)), "302 /never")]);
    assert_eq!(location(&format!("/{}x", "b/".repeat(32))), "/deep");
    entries(&[(&format!("/{}*", "b/".repeat(31)), "302 /found")]);
    assert_eq!(location(&format!("/{}x", "b/".repeat(32))), "/found");
}

#[test]
fn a_wrong_entry_is_named_with_the_way_out() {
    for (value, expected) in [
        ("", "it is empty"),
        ("301", "it does not say where to"),
        ("rewrite", "it does not say where to"),
        ("200 /b", "200 is none of 301, 302, 303, 307, 308 and 410"),
        ("new", "\"new\" is no place to go to"),
        ("//other.example/", "no place to go to"),
        ("/\\other.example/", "no place to go to"),
        ("javascript:alert(1)", "no place to go to"),
        ("https:///x", "no place to go to"),
        ("https://*", "no place to go to"),
        (
            "/caf\u{e9}",
            "contains 'é', which has to be percent-encoded",
        ),
        (
            "rewrite https://www.example.com/",
            "is no path to go on with",
        ),
        ("rewrite /a#b", "is no path to go on with"),
        ("301 /b keep", "\"keep\" at its end"),
        ("301 /b keep-query now", "\"now\" at its end"),
        ("410 /b", "\"/b\" at its end"),
        (
            "https://www.example.com*",
            "`*` that is not at the end of its path",
        ),
        ("/a*", "`*` that is not at the end of its path"),
        ("/a/*/b", "`*` that is not at the end of its path"),
        ("/a?x=/*", "`*` that is not at the end of its path"),
        (
            "/b/*",
            "its target has a `*`, but its key does not end with one",
        ),
        ("/key", "it leads to itself"),
    ] {
        entries(&[("/key", value)]);
        let refused = refusal("/key");
        assert!(refused.starts_with("the entry \"/key\": "), "{refused}");
        assert!(refused.contains(expected), "{value}: {refused}");
    }
}

#[test]
fn data_that_cannot_be_read_is_an_error() {
    kv::set("/bytes", [0xff]);
    assert!(decided("/bytes").is_err());
    kv::fail("the data is gone");
    assert_eq!(refusal("/a"), "the data is gone");
}

#[test]
fn a_wrong_configuration_is_refused_with_the_way_out() {
    for (json, expected) in [
        (
            r#"{ "status": 200 }"#,
            "`status` is 200; it takes 301, 302, 303, 307 or 308",
        ),
        (
            r#"{ "statsu": 301 }"#,
            "unknown field `statsu`, expected one of `prefix`",
        ),
        (
            r#"{ "max_age_seconds": -1 }"#,
            "invalid value: integer `-1`",
        ),
    ] {
        let refused = configured(json).unwrap_err().to_string();
        assert!(refused.contains(expected), "{json}: {refused}");
    }
    let long = format!("{{ \"prefix\": \"{}\" }}", "p".repeat(65));
    let refused = configured(&long).unwrap_err().to_string();
    assert!(
        refused.contains("`prefix` has 65 bytes; it may have 64"),
        "{refused}"
    );
}
