//! The hook as a plain function: no host, no WebAssembly.

use super::*;

const SHOP: &str = r#"{ "rules": [
    { "paths": ["/account/*"], "store": false },
    { "statuses": ["404", "5xx"], "lifetime": "5 s" },
    { "types": ["image/*", "font/*"], "lifetime": "30 d", "stale_if_error": "7 d", "tags": ["static"] },
    { "types": ["text/html"], "if_silent": true, "lifetime": "1 min", "stale_while_revalidate": "10 s" },
    { "paths": ["/shop/*"], "tags": ["shop", "pages"] }
] }"#;

/// Takes a configuration, as the host does for each instance.
fn configured(json: &str) -> Result<()> {
    config::set_json(json);
    read_configuration(config::read()?)
}

fn refusal(rules: &str) -> String {
    configured(&format!("{{ \"rules\": [{rules}] }}"))
        .unwrap_err()
        .to_string()
}

fn of(path: &str, status: u16, fields: &[(&str, &str)]) -> TtlDecision {
    decided(&Request::builder("GET", path).build(), status, fields)
}

fn decided(request: &Request, status: u16, fields: &[(&str, &str)]) -> TtlDecision {
    let begun = Response::builder(status);
    let add = |built: selvedge_sdk::ResponseBuilder, (name, value): &(&str, &str)| {
        built.field(name, value)
    };
    let response = fields.iter().fold(begun, add).build();
    lifetime(request, &response).unwrap()
}

fn seconds(seconds: u64) -> TtlSettings {
    TtlSettings::new().lifetime(Duration::from_secs(seconds))
}

#[test]
fn the_first_rule_that_fits_decides() {
    configured(SHOP).unwrap();
    let image = seconds(30 * 86_400)
        .stale_if_error(Duration::from_secs(7 * 86_400))
        .tag("static");
    assert_eq!(
        of("/shop/a.png", 200, &[("Content-Type", "Image/PNG; q=1")]),
        image.into()
    );
    assert_eq!(
        of("/shop/a.png", 404, &[("Content-Type", "image/png")]),
        seconds(5).into()
    );
    assert_eq!(
        of("/account/a.png", 404, &[("Content-Type", "image/png")]),
        TtlDecision::DontStore
    );
    let page = seconds(60).stale_while_revalidate(Duration::from_secs(10));
    assert_eq!(
        of(
            "/shop/1",
            200,
            &[("Content-Type", "text/html; charset=utf-8")]
        ),
        page.into()
    );
}

#[test]
fn what_no_rule_fits_lives_as_the_policy_says() {
    configured(SHOP).unwrap();
    assert_eq!(
        of("/other", 200, &[("Content-Type", "text/plain")]),
        TtlDecision::Policy
    );
    assert_eq!(of("/other", 200, &[]), TtlDecision::Policy);
    assert_eq!(of("/account", 200, &[]), TtlDecision::Policy);
}

#[test]
fn a_rule_for_silent_origins_leaves_what_the_origin_says() {
    configured(SHOP).unwrap();
    let html = ("Content-Type", "text/html");
    for said in [
        ("Cache-Control", "public, Max-Age=5"),
        ("Cache-Control", "s-maxage=5"),
        ("Expires", "Thu, 01 Jan 2026 00:00:00 GMT"),
        ("CDN-Cache-Control", "max-age=5"),
    ] {
        assert_eq!(of("/", 200, &[html, said]), TtlDecision::Policy, "{said:?}");
    }
    for silent in [
        ("Cache-Control", "public"),
        ("Cache-Control", "private=\"x, max-age=1\""),
    ] {
        assert_ne!(
            of("/", 200, &[html, silent]),
            TtlDecision::Policy,
            "{silent:?}"
        );
    }
}

#[test]
fn what_is_kept_apart_gets_no_lifetime_but_its_tags() {
    configured(r#"{ "rules": [{ "lifetime": "1 h", "tags": ["all"] }] }"#).unwrap();
    let tagged = TtlDecision::from(TtlSettings::new().tag("all"));
    for said in [
        ("Cache-Control", "private, max-age=60"),
        ("Cache-Control", "no-store"),
        ("Cache-Control", "No-Cache"),
        ("Set-Cookie", "session=1"),
        ("CDN-Cache-Control", "private"),
    ] {
        assert_eq!(of("/", 200, &[said]), tagged, "{said:?}");
    }
    for said in [
        ("Cache-Control", "private=\"x-user\""),
        ("Cache-Control", "max-age=1"),
    ] {
        assert_eq!(
            of("/", 200, &[said]),
            seconds(3600).tag("all").into(),
            "{said:?}"
        );
    }
    // What is said to this cache counts in place of what is said to all.
    let said = [
        ("CDN-Cache-Control", "max-age=60"),
        ("Cache-Control", "private"),
    ];
    assert_eq!(of("/", 200, &said), seconds(3600).tag("all").into());
}

#[test]
fn answers_to_authorized_requests_get_a_lifetime_only_where_the_origin_shares_them() {
    configured(r#"{ "rules": [{ "lifetime": "1 h" }] }"#).unwrap();
    let request = Request::builder("GET", "/")
        .field("Authorization", "Basic eDp5")
        .build();
    let of = |said| decided(&request, 200, &[("Cache-Control", said)]);
    assert_eq!(of("max-age=60"), TtlSettings::new().into());
    for shared in ["public", "s-maxage=60", "must-revalidate"] {
        assert_eq!(of(shared), seconds(3600).into(), "{shared}");
    }
}

#[test]
fn private_too_is_the_operators_word() {
    configured(r#"{ "rules": [{ "lifetime": "1 h", "private_too": true }] }"#).unwrap();
    assert_eq!(
        of("/", 200, &[("Cache-Control", "private, no-store")]),
        seconds(3600).into()
    );
}

#[test]
fn a_rule_that_sets_nothing_is_an_exception_from_those_below() {
    configured(r#"{ "rules": [{ "paths": ["/live/*"] }, { "lifetime": "1 h" }] }"#).unwrap();
    assert_eq!(of("/live/1", 200, &[]), TtlSettings::new().into());
    assert_eq!(of("/1", 200, &[]), seconds(3600).into());
}

#[test]
fn durations_are_written_as_in_the_hosts_configuration() {
    for (text, expected) in [
        ("0 s", 0),
        ("30s", 30),
        ("5 min", 300),
        ("24 h", 86_400),
        ("36500 d", 3_153_600_000),
    ] {
        assert_eq!(
            time::parse(text),
            Ok(Duration::from_secs(expected)),
            "{text}"
        );
    }
    for text in [
        "",
        "5",
        "min",
        "5 m",
        "-1 s",
        "1.5 h",
        "5 minutes",
        "250 ms",
    ] {
        assert!(
            time::parse(text).unwrap_err().contains("is no duration"),
            "{text}"
        );
    }
    for text in ["36501 d", "18446744073709551615 d"] {
        assert!(
            time::parse(text)
                .unwrap_err()
                .contains("more than 100 years"),
            "{text}"
        );
    }
}

#[test]
fn a_wrong_rule_is_named_with_the_way_out() {
    for (rules, expected) in [
        ("", "`rules` has 0 entries; it takes 1 to 200"),
        (
            r#"{ "lifetime": "1 h" }, { "lifetime": "60" }"#,
            "rule 2 can never apply: rule 1 is for everything",
        ),
        (r#"{ "paths": ["/*"] }, {}"#, "rule 2 can never apply"),
        (
            r#"{ "paths": ["/a"] }, { "lifetime": "60" }"#,
            "rule 2: `lifetime`: \"60\" is no duration",
        ),
        (
            r#"{ "stale_if_error": "1 week" }"#,
            "rule 1: `stale_if_error`: \"1 week\"",
        ),
        (r#"{ "paths": [""] }"#, "rule 1: a pattern can't be empty"),
        (
            r#"{ "types": ["html"] }"#,
            "`types` has \"html\", which is none such as",
        ),
        (
            r#"{ "types": ["text/html; charset=utf-8"] }"#,
            "without parameters",
        ),
        (
            r#"{ "statuses": ["4"] }"#,
            "`statuses` has \"4\"; it takes \"404\"",
        ),
        (r#"{ "statuses": ["9xx"] }"#, "`statuses` has \"9xx\""),
        (r#"{ "statuses": ["655xx"] }"#, "`statuses` has \"655xx\""),
        (
            r#"{ "store": false, "lifetime": "1 h" }"#,
            "there is nothing else to set",
        ),
        (r#"{ "store": true }"#, "does not say for how long"),
        (
            r#"{ "private_too": true, "tags": ["a"] }"#,
            "`private_too` is about the `lifetime`",
        ),
        (r#"{ "tags": ["a b"] }"#, "`tags` has \"a b\""),
        (
            r#"{ "lifetme": "1 h" }"#,
            "unknown field `lifetme`, expected one of `paths`",
        ),
    ] {
        let refused = refusal(rules);
        assert!(refused.contains(expected), "{rules}: {refused}");
    }
    let refused = configured("null").unwrap_err().to_string();
    assert!(refused.contains("missing field `rules`"), "{refused}");
}
