use super::*;
use http::{HeaderValue, Version};
use selvedge_runtime::RequestId;
use std::time::Instant;

fn facts(scheme: Scheme, fields: &[(&'static str, &'static [u8])]) -> RequestFacts {
    let mut map = HeaderMap::new();
    for (name, value) in fields {
        let value = HeaderValue::from_bytes(value).expect("a value");
        map.append(HeaderName::from_static(name), value);
    }
    RequestFacts {
        method: Method::GET,
        scheme,
        host: "a.shop.test".to_owned(),
        path: "/a".to_owned(),
        query: None,
        fields: map,
        body: None,
        viewer: ([192, 0, 2, 1], 4711).into(),
        version: Version::HTTP_11,
        tls: None,
        geo: None,
        request_id: RequestId(1),
        distribution: Arc::from("main"),
        edge: Arc::from("edge"),
        received: Instant::now(),
        origin: None,
        cache_status: None,
        cache_age: None,
        cache_key: None,
    }
}

fn key(policy: &KeyPolicy, facts: &RequestFacts) -> Key {
    finish(facts, policy_parts(policy, &facts.fields)).hash
}

#[test]
fn the_scheme_is_in_the_key_where_the_origin_is_told_it() {
    let [http, https] = [Scheme::Http, Scheme::Https].map(|scheme| facts(scheme, &[]));
    for (scheme, is_same) in [(false, true), (true, false)] {
        let policy = KeyPolicy {
            scheme,
            ..KeyPolicy::default()
        };
        assert_eq!(key(&policy, &http) == key(&policy, &https), is_same);
    }
}

#[test]
fn the_port_in_a_keyed_host_is_left_out_where_it_is_the_schemes_own() {
    let policy = KeyPolicy {
        host: true,
        ..KeyPolicy::default()
    };
    let of = |scheme, host| key(&policy, &facts(scheme, &[("host", host)]));
    assert!(of(Scheme::Http, b"A.shop.test:80") == of(Scheme::Http, b"a.shop.test"));
    assert!(of(Scheme::Https, b"a.shop.test:443") == of(Scheme::Https, b"a.shop.test"));
    assert!(of(Scheme::Https, b"a.shop.test:80") != of(Scheme::Https, b"a.shop.test"));
    assert!(of(Scheme::Http, b"a.shop.test:1337") != of(Scheme::Http, b"a.shop.test"));
    assert!(of(Scheme::Http, b"b.shop.test") != of(Scheme::Http, b"a.shop.test"));
}

#[test]
fn fields_that_go_to_the_origin_in_a_form_of_their_own_stand_so_in_the_key() {
    let mut parts = nothing();
    let named = ["Host", "cookie", "X-Forwarded-Proto", "X-Other"];
    extend(
        &mut parts,
        &named.map(|name| KeyPart::Field(name.to_owned())),
    );
    assert!(parts.host && parts.scheme);
    assert_eq!(parts.cookies, [CookiePart::Policy(NameSet::All)]);
    assert_eq!(parts.fields, [HeaderName::from_static("x-other")]);
}

#[test]
fn a_member_of_accept_encoding_that_is_no_text_hides_no_other() {
    let policy = KeyPolicy {
        accept_encoding: vec![Coding::Brotli, Coding::Gzip],
        ..KeyPolicy::default()
    };
    for (value, expected) in [
        (&b"gzip, \xff, BR;Q=1"[..], "br,gzip"),
        (b"gzip;q=0, br;q=0.0", ""),
        (b"\x80gzip", ""),
    ] {
        let facts = facts(Scheme::Http, &[("accept-encoding", value)]);
        assert_eq!(offered(&policy, &facts.fields).as_deref(), Some(expected));
    }
}

#[test]
fn cookies_with_different_bytes_have_different_keys() {
    let policy = |cookies| KeyPolicy {
        cookies,
        ..KeyPolicy::default()
    };
    let spellings: [&[u8]; 6] = [b"a=\xff", b"a=\xfe", b"a=", b"a", b"a=1; a", b"a; a=1"];
    for policy in [policy(NameSet::All), policy(NameSet::only(["a"]))] {
        let keys = spellings.map(|value| key(&policy, &facts(Scheme::Http, &[("cookie", value)])));
        for (at, one) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(one), "{at}");
        }
    }
}
