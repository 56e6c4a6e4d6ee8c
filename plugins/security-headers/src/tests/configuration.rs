//! Configurations that are refused.

use super::*;

#[test]
fn sites_that_are_wrong_are_refused() {
    let cors = |table: &str| {
        let table = format!(r#"{{ "cors": {table} }}"#);
        configured(&table).unwrap_err().to_string()
    };
    assert!(
        cors(r#"{ "origins": ["*"], "credentials": true }"#).contains("would let any page act")
    );
    assert!(
        cors(r#"{ "origins": ["https://a.test"], "credentials": true, "headers": ["*"] }"#)
            .contains("read `*` as a name")
    );
    assert!(cors(r#"{ "origins": [] }"#).contains("names no site"));
    assert!(cors(r#"{ "origins": ["*", "https://a.test"] }"#).contains("\"*\" is all"));
    for origin in [
        "a.test",
        "https://a.test/",
        "https://A.test",
        "https://*",
        "https://a.*.test",
        "https://a.test:x",
        "https://",
        "https://*.",
        "*.a.test",
    ] {
        assert!(
            cors(&format!(r#"{{ "origins": ["{origin}"] }}"#)).contains("as browsers send it"),
            "{origin}"
        );
    }
    assert!(
        cors(r#"{ "origins": ["*"], "methods": ["GET POST"] }"#)
            .contains("\"GET POST\" is no name")
    );
    assert!(cors(r#"{ "origins": ["*"], "max_age_seconds": 86401 }"#).contains("at most 86400"));
}

#[test]
fn fields_and_rules_that_are_wrong_are_refused() {
    let refusal = |table: &str| configured(table).unwrap_err().to_string();
    assert!(
        refusal(r#"{ "fields": { "Content-Length": "1" } }"#)
            .contains("\"Content-Length\" is no field")
    );
    assert!(refusal(r#"{ "fields": { "X Y": "1" } }"#).contains("\"X Y\" is no field"));
    assert!(refusal(r#"{ "fields": { "X-Y": "a\nb" } }"#).contains("one line of printable ASCII"));
    for name in [
        "Via",
        "X-Amz-Cf-Id",
        "X-Cache",
        "Content-Range",
        "Warning",
        "Vary",
    ] {
        let refused = refusal(&format!(r#"{{ "remove": ["{name}"] }}"#));
        assert!(
            refused.contains(&format!("{name:?} is no field")),
            "{refused}"
        );
        let refused = refusal(&format!(r#"{{ "origin_wins": ["{name}"] }}"#));
        assert!(
            refused.contains(&format!("{name:?} is no field")),
            "{refused}"
        );
    }
    assert!(
        refusal(
            r#"{ "cors": { "origins": ["*"] }, "fields": { "Access-Control-Allow-Origin": "*" } }"#
        )
        .contains("is set by `cors`")
    );
    assert!(
        refusal(r#"{ "rules": [{ "fields": {} }] }"#).contains("`rules[0]`: it concerns nothing")
    );
    for (rule, why) in [
        (
            r#""paths": ["/a b"]"#,
            "`rules[0]`: the pattern \"/a b\" contains ' '",
        ),
        (
            r#""paths": ["/a#b"]"#,
            "`rules[0]`: the path pattern \"/a#b\" contains '#'",
        ),
        (
            r#""content_types": [""]"#,
            "`rules[0]`: a pattern can't be empty",
        ),
        (
            r#""content_types": ["text/html; charset=utf-8"]"#,
            "`rules[0]`: the pattern \"text/html; charset=utf-8\" contains ' '",
        ),
    ] {
        let refused = refusal(&format!(r#"{{ "rules": [{{ {rule}, "fields": {{}} }}] }}"#));
        assert!(refused.contains(why), "{refused}");
    }
    assert!(refusal(r#"{ "field": {} }"#).contains("unknown field `field`"));
}
