//! The hooks as plain functions: no host, no WebAssembly.

use super::*;

/// Takes a configuration, as the host does for each instance.
fn configured(json: &str) -> Result<()> {
    config::set_json(json);
    read_configuration(config::read()?)
}

fn rewritten(query: &str) -> String {
    let request = Request::builder("GET", &format!("/page?{query}")).build();
    match on_viewer_request(&request) {
        Ok(ViewerRequestDecision::Next) => query.to_owned(),
        Ok(ViewerRequestDecision::Edit(edits)) => {
            assert_eq!(edits.path, None, "the path stays");
            edits.query.expect("the query is what is edited")
        }
        other => panic!("{query}: {other:?}"),
    }
}

fn decided() -> KeyDecision {
    key(&Request::builder("GET", "/page?b=1").build()).unwrap()
}

#[test]
fn parameters_come_in_the_order_of_their_names_and_those_of_one_name_in_their_own() {
    configured("{}").unwrap();
    assert_eq!(rewritten("b=2&a=1"), "a=1&b=2");
    assert_eq!(rewritten("tag=z&a=1&tag=b"), "a=1&tag=z&tag=b");
    assert_eq!(
        decided(),
        KeyDecision::extend([KeyPart::query_except([""; 0])])
    );
}

#[test]
fn what_is_normal_already_is_left_alone() {
    configured(r#"{ "deny": ["utm_*"], "drop_empty": true, "lower_case_names": true }"#).unwrap();
    for url in ["/", "/?a=1&b=x%20y", "/?a=B"] {
        let request = Request::builder("GET", url).build();
        assert_eq!(
            on_viewer_request(&request),
            Ok(ViewerRequestDecision::Next),
            "{url}"
        );
    }
}

#[test]
fn denied_parameters_are_dropped_however_they_are_encoded() {
    configured(r#"{ "deny": ["utm_*", "fbclid"] }"#).unwrap();
    assert_eq!(
        rewritten("utm_source=x&b=1&fbclid=2&utm%5Fmedium=y&%66bclid=3"),
        "b=1"
    );
    assert_eq!(rewritten("utm_source=x"), "");
    assert_eq!(
        rewritten("UTM_source=x&fbclid2=1"),
        "UTM_source=x&fbclid2=1"
    );
    assert_eq!(
        decided(),
        KeyDecision::extend([KeyPart::query_except(["utm_*", "fbclid"])])
    );
}

#[test]
fn only_allowed_parameters_stay() {
    configured(r#"{ "allow": ["page", "f.*"] }"#).unwrap();
    assert_eq!(
        rewritten("x=1&page=2&f.colour=red&pages=3"),
        "f.colour=red&page=2"
    );
    assert_eq!(
        decided(),
        KeyDecision::extend([KeyPart::query_only(["page", "f.*"])])
    );
    configured(r#"{ "allow": [] }"#).unwrap();
    assert_eq!(rewritten("x=1&page=2"), "");
}

#[test]
fn empty_values_are_dropped_where_that_is_asked_for() {
    configured("{}").unwrap();
    assert_eq!(rewritten("a=&b&c=1"), "a=&b&c=1");
    configured(r#"{ "drop_empty": true }"#).unwrap();
    assert_eq!(rewritten("a=&b&c=1&d==&&"), "c=1&d==");
}

#[test]
fn names_become_lower_case_and_values_do_not() {
    configured(r#"{ "deny": ["UTM_*"], "lower_case_names": true }"#).unwrap();
    assert_eq!(
        rewritten("Page=A&UTM_Source=x&%55tm_medium=y&b=%C3%84"),
        "b=%C3%84&page=A"
    );
    assert_eq!(rewritten("%C3%84=1"), "%C3%84=1");
    assert_eq!(
        decided(),
        KeyDecision::extend([KeyPart::query_except(["utm_*"])])
    );
}

#[test]
fn one_text_has_one_percent_encoding() {
    configured("{}").unwrap();
    assert_eq!(rewritten("a=%7euser%2d1&b=%c3%a9"), "a=~user-1&b=%C3%A9");
    // What would mean something else stays: encoded delimiters, and spaces of both kinds.
    for query in ["a=%26%3D%2B", "a=x+y", "a=x%20y"] {
        assert_eq!(rewritten(query), query);
    }
}

#[test]
fn what_is_no_encoding_never_becomes_one() {
    configured("{}").unwrap();
    for (sent, normal) in [
        ("a=100%", "a=100%25"),
        ("a=%zz", "a=%25zz"),
        ("a=%4", "a=%254"),
        ("a=%%415", "a=%25A5"),
    ] {
        assert_eq!(rewritten(sent), normal);
    }
}

#[test]
fn what_the_host_would_not_take_is_encoded() {
    configured("{}").unwrap();
    assert_eq!(rewritten("b=\u{e9}<\"&a={x}|y"), "a={x}|y&b=%C3%A9%3C%22");
}

#[test]
fn normalising_twice_changes_nothing_more() {
    configured(r#"{ "drop_empty": true, "lower_case_names": true }"#).unwrap();
    for query in [
        "B=%2541&a=%%41",
        "z=%e9&Y=+%2b&x",
        "%3D=1&%26=%25",
        "a%00=1&%41=2",
    ] {
        let once = rewritten(query);
        assert_eq!(rewritten(&once), once, "{query}");
    }
}

#[test]
fn without_sorting_the_key_is_the_policys() {
    configured(r#"{ "deny": ["utm_*"], "sort": false }"#).unwrap();
    assert_eq!(rewritten("b=2&utm_x=1&a=1"), "b=2&a=1");
    assert_eq!(decided(), KeyDecision::Policy);
}

#[test]
fn a_wrong_configuration_is_refused_with_the_way_out() {
    for (json, expected) in [
        (r#"{ "allow": ["a"], "deny": ["b"] }"#, "both there"),
        (
            r#"{ "deny": ["*_id"] }"#,
            "`deny` names \"*_id\": `*` may stand at the end only",
        ),
        (
            r#"{ "allow": [""] }"#,
            "`allow` names \"\": a name can't be empty",
        ),
        (r#"{ "allow": ["page=1"] }"#, "without a value"),
        (
            r#"{ "allowed": ["a"] }"#,
            "unknown field `allowed`, expected one of `allow`",
        ),
    ] {
        let refused = configured(json).unwrap_err().to_string();
        assert!(refused.contains(expected), "{json}: {refused}");
    }
}
