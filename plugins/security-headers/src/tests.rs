//! The hooks as plain functions.

mod configuration;

use super::*;

fn configured(table: &str) -> Result<()> {
    config::set_json(table);
    init(config::read()?)
}

/// A response after the edits, field by field, in lower case and sorted.
fn after(request: &Request, response: &Response) -> Vec<(String, String)> {
    let ViewerResponseDecision::Edit(edits) = on_viewer_response(request, response).unwrap() else {
        panic!("it edits")
    };
    let text = |value: Vec<u8>| String::from_utf8(value).unwrap();
    let mut lines: Vec<(String, String)> = Vec::new();
    for name in response.field_names() {
        for value in response.field_values(&name) {
            lines.push((name.clone(), text(value)));
        }
    }
    for edit in edits.fields {
        match edit {
            FieldEdit::Set(field) => {
                lines.retain(|(name, _)| *name != field.name);
                lines.push((field.name, text(field.value)));
            }
            FieldEdit::Append(field) => lines.push((field.name, text(field.value))),
            FieldEdit::Remove(gone) => lines.retain(|(name, _)| *name != gone),
        }
    }
    lines.sort();
    lines
}

fn value(lines: &[(String, String)], name: &str) -> Option<String> {
    let values: Vec<&str> = lines
        .iter()
        .filter(|(other, _)| other == name)
        .map(|(_, value)| value.as_str())
        .collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn get(url: &str) -> Request {
    Request::builder("GET", url).build()
}

fn from(origin: &str) -> Request {
    Request::builder("GET", "/").field("Origin", origin).build()
}

fn plain() -> Response {
    Response::builder(200).build()
}

fn preflight(origin: &str) -> Option<SyntheticResponse> {
    let request = Request::builder("OPTIONS", "/")
        .field("Origin", origin)
        .field("Access-Control-Request-Method", "PUT")
        .build();
    match on_viewer_request(&request).unwrap() {
        ViewerRequestDecision::Respond(answer) => Some(answer),
        _ => None,
    }
}

#[test]
fn every_response_gets_the_defaults_and_loses_banners() {
    configured("{}").unwrap();
    for status in [200, 404, 503] {
        let response = Response::builder(status)
            .field("Server", "x/1")
            .field("Content-Type", "text/html")
            .build();
        let lines = after(&get("https://www.example.com/"), &response);
        let expected = [
            ("content-type", "text/html"),
            ("referrer-policy", "strict-origin-when-cross-origin"),
            ("strict-transport-security", "max-age=31536000"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "SAMEORIGIN"),
        ];
        assert_eq!(
            lines,
            expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
        );
    }
}

#[test]
fn plain_http_promises_no_https_unless_tls_ends_in_front() {
    let hsts = || {
        value(
            &after(&get("http://www.example.com/"), &plain()),
            "strict-transport-security",
        )
    };
    configured("{}").unwrap();
    assert_eq!(hsts(), None);
    configured(r#"{ "behind_tls": true }"#).unwrap();
    assert!(hsts().is_some());
}

#[test]
fn the_configuration_replaces_adds_and_leaves_out() {
    configured(r#"{ "fields": { "X-Frame-Options": "", "referrer-policy": "no-referrer", "Permissions-Policy": "camera=()" }, "remove": [] }"#).unwrap();
    let response = Response::builder(200)
        .field("Server", "x")
        .field("X-Frame-Options", "DENY")
        .build();
    let lines = after(&get("/"), &response);
    assert_eq!(
        value(&lines, "x-frame-options").as_deref(),
        Some("DENY"),
        "what is left out stays the origin's"
    );
    assert_eq!(
        value(&lines, "referrer-policy").as_deref(),
        Some("no-referrer")
    );
    assert_eq!(
        value(&lines, "permissions-policy").as_deref(),
        Some("camera=()")
    );
    assert_eq!(value(&lines, "server").as_deref(), Some("x"));
    configured(r#"{ "defaults": false, "remove": [] }"#).unwrap();
    assert_eq!(after(&get("/"), &plain()), []);
}

#[test]
fn the_origin_is_overridden_but_where_it_wins() {
    let table = r#"{ "fields": { "Content-Security-Policy": "default-src 'self'" }, "origin_wins": ["content-security-policy"] }"#;
    configured(table).unwrap();
    let response = Response::builder(200)
        .field("Content-Security-Policy", "default-src *")
        .field("X-Content-Type-Options", "sniff")
        .build();
    let lines = after(&get("/"), &response);
    assert_eq!(
        value(&lines, "content-security-policy").as_deref(),
        Some("default-src *")
    );
    assert_eq!(
        value(&lines, "x-content-type-options").as_deref(),
        Some("nosniff")
    );
    let silent = after(&get("/"), &plain());
    assert_eq!(
        value(&silent, "content-security-policy").as_deref(),
        Some("default-src 'self'")
    );
}

#[test]
fn rules_are_for_paths_and_types_and_the_last_one_wins() {
    configured(r#"{ "rules": [
        { "content_types": ["text/*"], "fields": { "Content-Security-Policy": "default-src 'self'" } },
        { "paths": ["/embed/*", "/frame"], "fields": { "X-Frame-Options": "", "Content-Security-Policy": "frame-ancestors *" } },
        { "paths": ["/embed/*"], "content_types": ["image/svg+xml"], "fields": { "Content-Security-Policy": "sandbox" } }
    ] }"#).unwrap();
    let of = |path: &str, kind: &str| {
        let lines = after(
            &get(path),
            &Response::builder(200).field("Content-Type", kind).build(),
        );
        (
            value(&lines, "content-security-policy"),
            value(&lines, "x-frame-options").is_some(),
        )
    };
    let policy = |text: &str| Some(text.to_owned());
    assert_eq!(
        of("/", "Text/HTML; charset=utf-8"),
        (policy("default-src 'self'"), true)
    );
    assert_eq!(of("/", "image/png"), (None, true));
    assert_eq!(
        of("/embed/x", "text/html"),
        (policy("frame-ancestors *"), false)
    );
    assert_eq!(
        of("/frame", "image/png"),
        (policy("frame-ancestors *"), false)
    );
    assert_eq!(of("/framed", "image/png"), (None, true));
    assert_eq!(of("/embed/x", "image/svg+xml"), (policy("sandbox"), false));
}

#[test]
fn rules_have_patterns_as_behaviors_do() {
    configured(
        r#"{ "defaults": false, "remove": [], "rules": [
        { "paths": ["/*.html", "docs/?/*"], "fields": { "X-Path": "1" } },
        { "content_types": ["*+JSON", "image/*"], "fields": { "X-Type": "1" } }
    ] }"#,
    )
    .unwrap();
    let of = |path: &str, kind: &str| {
        let response = Response::builder(200).field("Content-Type", kind).build();
        let names = after(&get(path), &response).into_iter();
        let names = names.filter_map(|(name, _)| name.strip_prefix("x-").map(str::to_owned));
        names.collect::<Vec<_>>()
    };
    assert_eq!(of("/a/b.html", "text/html"), ["path"]);
    assert_eq!(of("/docs/1/x", "text/html"), ["path"]);
    assert_eq!(of("/docs/12/x", "text/html"), [""; 0]);
    assert_eq!(of("/a", "application/ld+json; charset=utf-8"), ["type"]);
    assert_eq!(of("/a.html", "image/png"), ["path", "type"]);
}

#[test]
fn listed_sites_may_read_and_others_may_not() {
    configured(r#"{ "cors": { "origins": ["https://app.test", "https://*.app.test:8443", "null"], "expose": ["X-Total"] } }"#).unwrap();
    for site in [
        "https://app.test",
        "https://a.app.test:8443",
        "https://a.b-c.app.test:8443",
        "null",
    ] {
        let lines = after(&from(site), &plain());
        assert_eq!(
            value(&lines, "access-control-allow-origin").as_deref(),
            Some(site)
        );
        assert_eq!(
            value(&lines, "access-control-expose-headers").as_deref(),
            Some("X-Total")
        );
        assert_eq!(value(&lines, "access-control-allow-credentials"), None);
    }
    for site in [
        "",
        "https://app.test.evil",
        "http://app.test",
        "https://app.test:444",
        "https://APP.test",
        "https://.app.test:8443",
        "https://app.test:8443",
        "https://evil.test/.app.test:8443",
        "https://evil#.app.test:8443",
        "https://a.app.test",
        "https://app.test, https://app.test",
        "https://xapp.test",
    ] {
        let lines = after(&from(site), &plain());
        assert_eq!(value(&lines, "access-control-allow-origin"), None, "{site}");
    }
}

#[test]
fn every_response_says_that_it_depends_on_origin_and_says_it_once() {
    configured(r#"{ "cors": { "origins": ["https://app.test"] } }"#).unwrap();
    let vary = |request: &Request, before: &[&str]| {
        let response = before
            .iter()
            .fold(Response::builder(200), |response, line| {
                response.field("vary", line)
            });
        value(&after(request, &response.build()), "vary")
    };
    for request in [
        get("/"),
        from("https://app.test"),
        from("https://evil.test"),
    ] {
        assert_eq!(vary(&request, &[]).as_deref(), Some("Origin"));
        assert_eq!(
            vary(&request, &["Accept-Encoding"]).as_deref(),
            Some("Accept-Encoding, Origin")
        );
        assert_eq!(
            vary(&request, &["Accept, origin"]).as_deref(),
            Some("Accept, origin")
        );
        assert_eq!(vary(&request, &["*"]).as_deref(), Some("*"));
    }
}

#[test]
fn an_answer_for_everybody_depends_on_nothing() {
    configured(r#"{ "cors": { "origins": ["*"] } }"#).unwrap();
    for request in [get("/"), from("https://any.test")] {
        let lines = after(&request, &plain());
        assert_eq!(
            value(&lines, "access-control-allow-origin").as_deref(),
            Some("*")
        );
        assert_eq!(value(&lines, "vary"), None);
    }
}

#[test]
fn what_the_origin_says_about_cors_does_not_count() {
    configured(r#"{ "cors": { "origins": ["https://app.test"] } }"#).unwrap();
    let loose = Response::builder(200)
        .field("Access-Control-Allow-Origin", "*")
        .field("Access-Control-Allow-Credentials", "true")
        .field("Access-Control-Expose-Headers", "*")
        .build();
    let lines = after(&from("https://evil.test"), &loose);
    assert!(
        !lines
            .iter()
            .any(|(name, _)| name.starts_with("access-control-"))
    );
    let lines = after(&from("https://app.test"), &loose);
    assert_eq!(value(&lines, "access-control-allow-credentials"), None);
    assert_eq!(
        value(&lines, "access-control-allow-origin").as_deref(),
        Some("https://app.test")
    );
}

#[test]
fn preflights_are_answered_here() {
    configured(r#"{ "cors": { "origins": ["https://app.test"], "methods": ["GET", "PUT"], "headers": ["Content-Type", "X-Token"], "credentials": true, "max_age_seconds": 60 } }"#).unwrap();
    let answer = preflight("https://app.test").unwrap();
    assert_eq!(answer.status, 204);
    for (name, value) in [
        ("access-control-allow-origin", "https://app.test"),
        ("access-control-allow-methods", "GET, PUT"),
        ("access-control-allow-headers", "Content-Type, X-Token"),
        ("access-control-allow-credentials", "true"),
        ("access-control-max-age", "60"),
        ("vary", "Origin"),
    ] {
        assert_eq!(answer.field_text(name).as_deref(), Some(value), "{name}");
    }
    let refusal = preflight("https://evil.test").unwrap();
    assert_eq!(
        (
            refusal.status,
            refusal.field_text("access-control-allow-origin")
        ),
        (403, None)
    );
    assert_eq!(refusal.field_text("vary").as_deref(), Some("Origin"));
}

#[test]
fn what_is_no_preflight_goes_on() {
    let options =
        |name: &str, value: &str| Request::builder("OPTIONS", "/").field(name, value).build();
    configured(r#"{ "cors": { "origins": ["*"] } }"#).unwrap();
    for request in [
        options("Origin", "https://app.test"),
        options("Access-Control-Request-Method", "PUT"),
        Request::builder("GET", "/")
            .field("Origin", "https://app.test")
            .field("Access-Control-Request-Method", "PUT")
            .build(),
    ] {
        assert_eq!(on_viewer_request(&request), Ok(ViewerRequestDecision::Next));
    }
    configured("{}").unwrap();
    assert_eq!(preflight("https://app.test"), None);
}
