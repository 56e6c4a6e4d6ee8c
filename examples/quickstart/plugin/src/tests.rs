//! The hooks as plain functions: no host, no WebAssembly.

use super::*;

fn phone() -> Request {
    Request::builder("GET", "/")
        .field("User-Agent", "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0)")
        .build()
}

fn desktop() -> Request {
    Request::builder("GET", "/")
        .field("User-Agent", "Mozilla/5.0 (X11; Linux x86_64)")
        .build()
}

fn response(content_type: &str, cache_control: &str) -> Response {
    Response::builder(200)
        .field("Content-Type", content_type)
        .field("Cache-Control", cache_control)
        .build()
}

fn days(days: u64) -> TtlDecision {
    TtlDecision::lifetime(Duration::from_hours(24 * days))
}

#[test]
fn device_classes_have_keys_of_their_own() {
    assert_ne!(key(&phone()), key(&desktop()));
    let other_phone = Request::builder("GET", "/")
        .field("User-Agent", "Mozilla/5.0 (Android 16; Mobile)")
        .build();
    assert_eq!(key(&phone()), key(&other_phone));
    assert_eq!(key(&desktop()), key(&Request::builder("GET", "/").build()));
}

#[test]
fn advertising_parameters_are_left_out_of_the_key() {
    let Ok(KeyDecision::Extend(parts)) = key(&desktop()) else {
        panic!("the key is extended")
    };
    assert!(parts.contains(&KeyPart::query_except(["utm_*", "fbclid", "gclid"])));
}

#[test]
fn whoever_asks_for_the_canary_gets_it_under_a_key_of_its_own() {
    let by_field = Request::builder("GET", "/").field("X-Canary", "1").build();
    let by_cookie = Request::builder("GET", "/")
        .cookie("theme", "dark")
        .cookie("canary", "1")
        .build();
    for asks in [by_field, by_cookie] {
        assert_eq!(origin(&asks), Ok(OriginDecision::origin("canary")));
        assert_ne!(key(&asks), key(&desktop()));
    }
}

#[test]
fn everybody_else_gets_the_origin_of_the_behavior() {
    for value in ["0", "", "11"] {
        let request = Request::builder("GET", "/")
            .field("X-Canary", value)
            .build();
        assert_eq!(origin(&request), Ok(OriginDecision::Policy));
        assert_eq!(key(&request), key(&desktop()));
    }
}

#[test]
fn pages_live_as_long_as_the_configuration_says() {
    let page = response("text/html; charset=utf-8", "max-age=60");
    assert_eq!(
        lifetime(&desktop(), &page),
        Ok(TtlDecision::lifetime(Duration::from_secs(10)))
    );
    config::set("page_seconds", 3);
    assert_eq!(
        lifetime(&desktop(), &page),
        Ok(TtlDecision::lifetime(Duration::from_secs(3)))
    );
    config::set("page_seconds", "soon");
    assert!(matches!(
        lifetime(&desktop(), &page),
        Err(Error::InvalidConfig { .. })
    ));
}

#[test]
fn images_live_for_thirty_days() {
    assert_eq!(
        lifetime(&desktop(), &response("image/svg+xml", "max-age=60")),
        Ok(days(30))
    );
}

#[test]
fn errors_private_pages_and_the_rest_live_as_the_policy_says() {
    let error = Response::builder(404)
        .field("Content-Type", "text/html")
        .build();
    let private = response("text/html", "private, max-age=60");
    let text = response("text/plain", "max-age=5");
    for response in [error, private, text, Response::builder(200).build()] {
        assert_eq!(lifetime(&desktop(), &response), Ok(TtlDecision::Policy));
    }
}
