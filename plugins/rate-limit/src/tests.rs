//! The hook as a plain function, at times that the tests say.

use super::*;

const SECOND: Nanos = 1_000_000_000;
const START: Nanos = 1_800_000_000 * SECOND;

fn rules(table: &str) -> Result<Rules> {
    config::set_json(table);
    Rules::new(config::read()?)
}

fn from(address: &str) -> Request {
    Request::builder("GET", "/").viewer_address(address).build()
}

/// Nothing if the request passes at this many seconds; else its Retry-After.
fn ask(request: &Request, rules: &Rules, at: u64) -> std::result::Result<(), String> {
    match decide(request, rules, START + at * SECOND).unwrap() {
        ViewerRequestDecision::Next => Ok(()),
        ViewerRequestDecision::Respond(answer) => {
            assert_eq!(answer.status, 429);
            assert_eq!(
                answer.field_text("Cache-Control").as_deref(),
                Some("no-store")
            );
            Err(answer.field_text("Retry-After").unwrap())
        }
        other => panic!("{other:?}"),
    }
}

/// How many of twenty pass at once.
fn passing(request: &Request, rules: &Rules) -> usize {
    (0..20).filter(|_| ask(request, rules, 0).is_ok()).count()
}

#[test]
fn a_viewer_has_a_burst_and_then_a_rate() {
    let rules = rules(r#"{ "requests": 6, "seconds": 60, "burst": 3 }"#).unwrap();
    let viewer = from("192.0.2.1");
    assert_eq!(passing(&viewer, &rules), 3);
    assert_eq!(ask(&viewer, &rules, 0), Err("10".to_owned()));
    assert_eq!(ask(&viewer, &rules, 7), Err("3".to_owned()));
    assert_eq!(ask(&viewer, &rules, 10), Ok(()));
    assert_eq!(ask(&viewer, &rules, 10), Err("10".to_owned()));
    assert_eq!(metrics::counted("limited"), 20);
}

#[test]
fn a_viewer_that_is_refused_does_not_wait_longer_for_asking_again() {
    let rules = rules(r#"{ "requests": 1, "seconds": 10 }"#).unwrap();
    let viewer = from("192.0.2.1");
    assert_eq!(passing(&viewer, &rules), 1);
    for at in 1..10 {
        assert_eq!(ask(&viewer, &rules, at), Err((10 - at).to_string()));
    }
    assert_eq!(ask(&viewer, &rules, 10), Ok(()));
}

#[test]
fn a_fresh_instance_knows_what_another_counted() {
    let table = r#"{ "requests": 5, "seconds": 10 }"#;
    let viewer = from("192.0.2.1");
    assert_eq!(passing(&viewer, &rules(table).unwrap()), 5);
    assert_eq!(passing(&viewer, &rules(table).unwrap()), 0);
}

#[test]
fn viewers_have_buckets_of_their_own_and_a_network_of_ipv6_one() {
    let rules = rules(r#"{ "requests": 5, "seconds": 10 }"#).unwrap();
    assert_eq!(passing(&from("192.0.2.1"), &rules), 5);
    assert_eq!(passing(&from("::ffff:192.0.2.1"), &rules), 0);
    assert_eq!(passing(&from("192.0.2.2"), &rules), 5);
    assert_eq!(passing(&from("2001:db8:0:1::1"), &rules), 5);
    assert_eq!(passing(&from("2001:db8:0:1:ffff::2"), &rules), 0);
    assert_eq!(passing(&from("2001:db8:0:2::1"), &rules), 5);
    let wide =
        self::rules(r#"{ "requests": 5, "seconds": 10, "ipv4_prefix": 24, "name": "wide" }"#)
            .unwrap();
    assert_eq!(passing(&from("192.0.2.1"), &wide), 5);
    assert_eq!(passing(&from("192.0.2.200"), &wide), 0);
    let all = self::rules(r#"{ "requests": 5, "seconds": 10, "ipv6_prefix": 0, "name": "all" }"#)
        .unwrap();
    assert_eq!(passing(&from("2001:db8::1"), &all), 5);
    assert_eq!(passing(&from("2001:db9::1"), &all), 0);
}

#[test]
fn a_field_names_the_bucket_where_the_configuration_says_so() {
    let with = |address: &str, key: &str| {
        Request::builder("GET", "/")
            .viewer_address(address)
            .field("X-User", key)
            .build()
    };
    let by_field =
        rules(r#"{ "requests": 5, "seconds": 10, "by": "field", "field": "X-User" }"#).unwrap();
    assert_eq!(passing(&with("192.0.2.1", "ann"), &by_field), 5);
    assert_eq!(passing(&with("192.0.2.2", "ann"), &by_field), 0);
    assert_eq!(passing(&with("192.0.2.1", "ben"), &by_field), 5);
    assert_eq!(
        passing(&from("192.0.2.1"), &by_field),
        5,
        "without the field the address counts"
    );
    assert_eq!(passing(&with("192.0.2.1", ""), &by_field), 0);
    assert_eq!(passing(&with("192.0.2.1", &"x".repeat(257)), &by_field), 0);
    let both = rules(
        r#"{ "requests": 5, "seconds": 10, "by": "both", "field": "X-User", "name": "both" }"#,
    )
    .unwrap();
    assert_eq!(passing(&with("192.0.2.1", "ann"), &both), 5);
    assert_eq!(passing(&with("192.0.2.2", "ann"), &both), 5);
    assert_eq!(passing(&with("192.0.2.2", "ann"), &both), 0);
}

#[test]
fn exempt_networks_and_other_methods_cost_nothing() {
    let table = r#"{ "requests": 1, "seconds": 10, "exempt": ["192.0.2.0/25", "2001:db8::7"], "methods": ["POST"] }"#;
    let rules = rules(table).unwrap();
    let post = |address: &str| {
        Request::builder("POST", "/")
            .viewer_address(address)
            .build()
    };
    assert_eq!(passing(&post("192.0.2.127"), &rules), 20);
    assert_eq!(passing(&post("2001:db8::7"), &rules), 20);
    assert_eq!(passing(&post("192.0.2.128"), &rules), 1);
    assert_eq!(passing(&from("192.0.2.128"), &rules), 20);
}

#[test]
fn observing_counts_and_refuses_nobody() {
    let rules = rules(r#"{ "requests": 5, "seconds": 10, "observe_only": true }"#).unwrap();
    assert_eq!(passing(&from("192.0.2.1"), &rules), 20);
    assert_eq!(metrics::counted("limited"), 15);
}

#[test]
fn what_else_is_stored_under_the_key_is_a_full_bucket() {
    let rules = rules(r#"{ "requests": 5, "seconds": 10 }"#).unwrap();
    let viewer = from("192.0.2.1");
    let key = rules.bucket_of(&viewer).unwrap().unwrap();
    cache::put(key, "something", Duration::from_secs(9), [""; 0]).unwrap();
    assert_eq!(passing(&viewer, &rules), 5);
}

#[test]
fn an_address_that_is_none_is_an_error() {
    let rules = rules(r#"{ "requests": 5, "seconds": 10 }"#).unwrap();
    let error = decide(&from("unknown"), &rules, START).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("the viewer's address is \"unknown\"")
    );
}

#[test]
fn a_configuration_that_is_wrong_is_refused() {
    let refusal = |more: &str| {
        let table = format!(r#"{{ "requests": 10, "seconds": 10{more} }}"#);
        rules(&table).err().expect("it is refused").to_string()
    };
    assert!(
        rules("{}")
            .err()
            .unwrap()
            .to_string()
            .contains("missing field `requests`")
    );
    assert!(
        rules(r#"{ "requests": 0, "seconds": 1 }"#)
            .err()
            .unwrap()
            .to_string()
            .contains("at least 1")
    );
    assert!(refusal(r#", "burst": 0"#).contains("at least 1"));
    assert!(refusal(r#", "burst": 4294967295"#).contains("4294967295 s to fill"));
    assert!(refusal(r#", "by": "field""#).contains("needs the name of a `field`"));
    assert!(refusal(r#", "field": "X-User""#).contains("means nothing"));
    assert!(refusal(r#", "by": "cookie""#).contains("unknown variant `cookie`"));
    assert!(refusal(r#", "ipv4_prefix": 33"#).contains("at most 32"));
    assert!(refusal(r#", "name": """#).contains("`name` has 1 to 64 bytes"));
    for network in ["192.0.2.1/24", "192.0.2.0/33", "localhost", "192.0.2.0/x"] {
        assert!(
            refusal(&format!(r#", "exempt": ["{network}"]"#))
                .contains("it takes addresses and networks"),
            "{network}"
        );
    }
    assert!(refusal(r#", "rate": 1"#).contains("unknown field `rate`"));
}
