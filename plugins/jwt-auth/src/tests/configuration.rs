//! Configurations that are refused, and spellings of secrets.

use super::*;

#[test]
fn a_configuration_that_would_not_protect_is_refused() {
    secrets::set("short", b"31 bytes are one less than 32..");
    secrets::set("public", RSA);
    let key =
        |algorithm: &str, key: Value| refusal_of(json!({ "algorithm": algorithm, "keys": [key] }));
    assert!(key("HS256", json!({ "secret": "short" })).contains("has 31 bytes"));
    assert!(key("HS256", json!({ "secret": "public" })).contains("this is a PEM file"));
    assert!(key("HS256", json!({ "public_key": RSA })).contains("HS256 has no public keys"));
    assert!(key("HS256", json!({ "secret": "none" })).contains("no secret `none`"));
    assert!(key("HS256", json!({})).contains("either `secret` or `public_key`"));
    assert!(
        key("ES256", json!({ "public_key": RSA })).contains("ES256 takes a public key on P-256")
    );
    assert!(key("RS256", json!({ "public_key": P256 })).contains("RS256 takes a public RSA key"));
    assert!(
        key(
            "RS256",
            json!({ "public_key": include_str!("small-rsa.pem") })
        )
        .contains("has 1024 bits")
    );
    assert!(key("RS256", json!({ "secret": "key" })).contains("no PEM file"));
    assert!(key("none", json!({ "secret": "key" })).contains("unknown variant `none`"));
    assert!(refusal_of(json!({ "algorithm": "HS256", "keys": [] })).contains("1 to 8 keys"));
    assert!(refusal_of(json!({ "authorization": false })).contains("tokens come from nowhere"));
    assert!(refusal_of(json!({ "leeway_seconds": 601 })).contains("at most 600"));
    for field in [
        "Host",
        "X-Edge-User",
        "X-Cache",
        "Proxy-Authorization",
        "Cookie",
        "TE",
    ] {
        let refused = refusal_of(json!({ "claim_fields": { "sub": field } }));
        let expected = format!("no claim may become the field {field:?}");
        assert!(refused.contains(&expected), "{refused}");
    }
    assert!(refusal_of(json!({ "claim_fields": { "sub": "X User" } })).contains("X User"));
    assert!(refusal_of(json!({ "realm": "a\"b" })).contains("`realm`"));
    assert!(
        refusal_of(json!({ "optional": true, "require": { "scope": "x" } }))
            .contains("`require` would mean nothing")
    );
    assert!(refusal_of(json!({ "audiences": ["x"] })).contains("unknown field `audiences`"));
}

#[test]
fn a_secret_may_be_written_in_base64_of_either_alphabet() {
    for text in ["-_v7".repeat(11), "+/v7\n".repeat(11)] {
        let wanted = base64::engine::general_purpose::URL_SAFE
            .decode("-_v7".repeat(11))
            .unwrap();
        secrets::set("written", text);
        let table = json!({ "algorithm": "HS256", "secret_encoding": "base64", "keys": [{ "secret": "written" }] });
        let rules = rules(table).unwrap();
        let token = signed_with(
            &wanted,
            json!({ "alg": "HS256" }),
            json!({ "exp": NOW + 60 }),
        );
        assert!(passes(&token, &rules));
    }
}
