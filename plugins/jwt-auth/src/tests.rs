//! The hook as a plain function. Tokens and public keys in `tests/` were made with another library; tokens of HS256
//! are signed here, claim by claim.

mod configuration;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::*;

const SECRET: &[u8] = b"a shared secret of more than 32 bytes";

const NOW: u64 = 1_800_000_000;

const RSA: &str = include_str!("tests/rsa.pem");

const P256: &str = include_str!("tests/p256.pem");

fn rules(mut table: Value) -> Result<Rules> {
    secrets::set("key", SECRET);
    if table.get("algorithm").is_none() {
        table["algorithm"] = json!("HS256");
        table["keys"] = json!([{ "secret": "key" }]);
    }
    config::set_json(table.to_string());
    Rules::new(config::read()?)
}

fn refusal_of(table: Value) -> String {
    rules(table).err().expect("it is refused").to_string()
}

fn signed_with(secret: &[u8], header: Value, claims: Value) -> String {
    let encoded = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let message = format!("{}.{}", encoded(header), encoded(claims));
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(message.as_bytes());
    let signature = URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes());
    format!("{message}.{signature}")
}

fn signed(claims: Value) -> String {
    signed_with(SECRET, json!({ "alg": "HS256", "typ": "JWT" }), claims)
}

fn bearing(token: &str) -> Request {
    Request::builder("GET", "/")
        .field("Authorization", format!("Bearer {}", token.trim()))
        .build()
}

/// Status and challenge of the answer; `None` where the request goes on.
fn answered(request: &Request, rules: &Rules) -> Option<(u16, String)> {
    match decide(request, rules, NOW) {
        ViewerRequestDecision::Respond(answer) => {
            assert_eq!(
                answer.field_text("Cache-Control").as_deref(),
                Some("no-store")
            );
            Some((
                answer.status,
                answer.field_text("WWW-Authenticate").unwrap(),
            ))
        }
        _ => None,
    }
}

fn refused(token: &str, rules: &Rules) -> String {
    let (status, challenge) = answered(&bearing(token), rules).expect("the token is refused");
    assert_eq!(status, 401);
    let reason = challenge
        .split("error_description=\"")
        .nth(1)
        .expect("the challenge has a reason");
    reason.trim_end_matches('"').to_owned()
}

fn passes(token: &str, rules: &Rules) -> bool {
    answered(&bearing(token), rules).is_none()
}

fn edits_of(request: &Request, rules: &Rules) -> Vec<FieldEdit> {
    match decide(request, rules, NOW) {
        ViewerRequestDecision::Edit(edits) => edits.fields,
        other => panic!("the request goes on, not {other:?}"),
    }
}

fn set(name: &str, value: &str) -> FieldEdit {
    FieldEdit::Set(Field::new(name, value))
}

fn removed(name: &str) -> FieldEdit {
    FieldEdit::Remove(name.to_owned())
}

#[test]
fn without_a_token_the_answer_says_how_to_get_in() {
    let rules = rules(json!({ "realm": "shop" })).unwrap();
    let expected = Some((401, "Bearer realm=\"shop\"".to_owned()));
    assert_eq!(
        answered(&Request::builder("GET", "/").build(), &rules),
        expected
    );
    let basic = Request::builder("GET", "/")
        .field("Authorization", "Basic YTpi")
        .build();
    assert_eq!(answered(&basic, &rules), expected);
}

#[test]
fn a_signed_token_lets_through_and_any_changed_byte_of_it_does_not() {
    let rules = rules(json!({})).unwrap();
    let token = signed(json!({ "exp": NOW + 60, "sub": "ann" }));
    assert!(passes(&token, &rules));
    let lower = Request::builder("GET", "/")
        .field("Authorization", format!("bearer {token}"))
        .build();
    assert_eq!(answered(&lower, &rules), None);
    for at in 0..token.len() {
        let mut changed = token.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        assert!(
            !passes(&String::from_utf8(changed).unwrap(), &rules),
            "byte {at}"
        );
    }
    let other = signed_with(
        b"another secret of more than 32 bytes!",
        json!({ "alg": "HS256" }),
        json!({ "exp": NOW + 60 }),
    );
    assert_eq!(refused(&other, &rules), "the signature is not valid");
}

#[test]
fn tokens_of_another_library_verify_under_their_key_only() {
    let of = |algorithm: &str, key: &str| {
        rules(json!({ "algorithm": algorithm, "keys": [{ "public_key": key }] })).unwrap()
    };
    let (es, rs) = (of("ES256", P256), of("RS256", RSA));
    let (es_token, rs_token) = (
        include_str!("tests/es256.jwt"),
        include_str!("tests/rs256.jwt"),
    );
    assert!(passes(es_token, &es) && passes(rs_token, &rs));
    assert_eq!(refused(rs_token, &es), "the token has another algorithm");
    assert_eq!(refused(es_token, &rs), "the token has another algorithm");
    for (token, rules) in [(es_token, &es), (rs_token, &rs)] {
        let (message, signature) = token.trim().rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[7] ^= 1;
        let changed = format!("{message}.{}", URL_SAFE_NO_PAD.encode(&bytes));
        assert_eq!(refused(&changed, rules), "the signature is not valid");
        for made_up in [
            String::new(),
            "AA".to_owned(),
            URL_SAFE_NO_PAD.encode(vec![0; bytes.len()]),
        ] {
            assert_eq!(
                refused(&format!("{message}.{made_up}"), rules),
                "the signature is not valid"
            );
        }
    }
}

#[test]
fn a_public_key_may_come_from_a_secret_too() {
    secrets::set("public", P256);
    let rules = rules(json!({ "algorithm": "ES256", "keys": [{ "secret": "public" }] })).unwrap();
    assert!(passes(include_str!("tests/es256.jwt"), &rules));
}

#[test]
fn no_token_chooses_its_algorithm() {
    let hs = rules(json!({})).unwrap();
    let claims = json!({ "exp": NOW + 60 });
    for alg in ["none", "None", "NONE", "HS384", "RS256", "hs256", ""] {
        let token = signed_with(SECRET, json!({ "alg": alg }), claims.clone());
        assert_eq!(refused(&token, &hs), "the token has another algorithm");
    }
    // The classic: an HMAC under the text of the public key, which everybody knows.
    let rs = rules(json!({ "algorithm": "RS256", "keys": [{ "public_key": RSA }] })).unwrap();
    assert_eq!(
        refused(include_str!("tests/confused.jwt"), &rs),
        "the token has another algorithm"
    );
    let relabelled = signed_with(RSA.as_bytes(), json!({ "alg": "RS256" }), claims);
    assert_eq!(refused(&relabelled, &rs), "the signature is not valid");
}

#[test]
fn a_token_counts_from_nbf_to_exp_with_leeway_on_both_ends() {
    let rules = rules(json!({ "leeway_seconds": 5 })).unwrap();
    assert!(passes(&signed(json!({ "exp": NOW - 4 })), &rules));
    assert_eq!(
        refused(&signed(json!({ "exp": NOW - 5 })), &rules),
        "the token has expired"
    );
    assert_eq!(
        refused(&signed(json!({ "exp": "soon" })), &rules),
        "the token's exp is no number"
    );
    let far = NOW + 100;
    assert!(passes(
        &signed(json!({ "exp": far, "nbf": NOW + 5 })),
        &rules
    ));
    assert_eq!(
        refused(&signed(json!({ "exp": far, "nbf": NOW + 6 })), &rules),
        "the token is not valid yet"
    );
    assert!(passes(&signed(json!({ "exp": 1.8e9 + 0.5 })), &rules));
}

#[test]
fn a_token_without_exp_counts_only_where_the_configuration_says_so() {
    let token = signed(json!({ "sub": "ann" }));
    assert_eq!(
        refused(&token, &rules(json!({})).unwrap()),
        "the token has no exp"
    );
    assert!(passes(
        &token,
        &rules(json!({ "require_expiry": false })).unwrap()
    ));
}

#[test]
fn issuer_and_audience_have_to_be_among_those_that_are_named() {
    let rules =
        rules(json!({ "issuer": "https://login.test", "audience": ["shop", "mail"] })).unwrap();
    let token = |iss: Value, aud: Value| signed(json!({ "exp": NOW + 60, "iss": iss, "aud": aud }));
    let iss = json!("https://login.test");
    assert!(passes(&token(iss.clone(), json!("mail")), &rules));
    assert!(passes(
        &token(iss.clone(), json!(["other", "shop"])),
        &rules
    ));
    for aud in [
        json!("shopping"),
        json!(["other"]),
        json!([]),
        json!(null),
        json!("shop mail"),
    ] {
        assert_eq!(
            refused(&token(iss.clone(), aud), &rules),
            "the token is for another audience"
        );
    }
    for iss in [json!("https://login.test.evil"), json!(null), json!(1)] {
        assert_eq!(
            refused(&token(iss, json!("shop")), &rules),
            "the token has another issuer"
        );
    }
}

#[test]
fn a_valid_token_that_does_not_allow_this_gets_403() {
    let rules =
        rules(json!({ "require": { "scope": "write", "roles": ["editor", "admin"] } })).unwrap();
    let token = |scope: &str, roles: Value| {
        signed(json!({ "exp": NOW + 60, "scope": scope, "roles": roles }))
    };
    assert!(passes(
        &token("read write", json!(["author", "editor"])),
        &rules
    ));
    for (scope, roles) in [
        ("read", json!(["editor"])),
        ("writer", json!(["editor"])),
        ("write", json!([])),
        ("write", json!(null)),
    ] {
        let answer = answered(&bearing(&token(scope, roles)), &rules);
        let challenge = "Bearer realm=\"protected\", error=\"insufficient_scope\"".to_owned();
        assert_eq!(answer, Some((403, challenge)));
    }
}

#[test]
fn the_cookie_counts_where_there_is_no_bearer_token() {
    let rules = rules(json!({ "cookie": "session" })).unwrap();
    let good = signed(json!({ "exp": NOW + 60 }));
    let by_cookie = Request::builder("GET", "/")
        .cookie("session", &good)
        .build();
    assert_eq!(answered(&by_cookie, &rules), None);
    let both = Request::builder("GET", "/")
        .cookie("session", &good)
        .field("Authorization", "Bearer x.y.z")
        .build();
    assert!(
        answered(&both, &rules).is_some(),
        "a bad token is not saved by a good one"
    );
    let only_cookies = self::rules(json!({ "authorization": false, "cookie": "session" })).unwrap();
    assert!(answered(&bearing(&good), &only_cookies).is_some());
}

#[test]
fn the_token_is_taken_out_and_nothing_else() {
    let rules = rules(json!({ "cookie": "session", "strip_token": true })).unwrap();
    let good = signed(json!({ "exp": NOW + 60 }));
    assert_eq!(
        edits_of(&bearing(&good), &rules),
        [removed("Authorization")]
    );
    let among_others = Request::builder("GET", "/")
        .cookie("a", "1")
        .cookie("session", &good)
        .cookie("sessions", "2")
        .cookie("session", "old")
        .field("Authorization", "Basic YTpi")
        .build();
    assert_eq!(
        edits_of(&among_others, &rules),
        [set("Cookie", "a=1; sessions=2")]
    );
    let alone = Request::builder("GET", "/")
        .cookie("session", &good)
        .build();
    assert_eq!(edits_of(&alone, &rules), [removed("Cookie")]);
    let kept = self::rules(json!({ "cookie": "session" })).unwrap();
    assert_eq!(edits_of(&alone, &kept), []);
}

#[test]
fn claims_become_fields_and_viewers_cannot_make_them_up() {
    let fields =
        json!({ "sub": "X-User", "roles": "X-Roles", "level": "X-Level", "name": "X-Name" });
    let rules = rules(json!({ "optional": true, "claim_fields": fields })).unwrap();
    let claims = json!({ "exp": NOW + 60, "sub": "ann", "roles": ["a", "b"], "level": 3, "name": "x\r\nX-User: root" });
    let expected = [
        set("X-Level", "3"),
        removed("X-Name"),
        set("X-Roles", "a,b"),
        set("X-User", "ann"),
    ];
    assert_eq!(edits_of(&bearing(&signed(claims)), &rules), expected);
    let made_up = Request::builder("GET", "/").field("X-User", "root").build();
    assert!(edits_of(&made_up, &rules).contains(&removed("X-User")));
    let odd = signed(json!({ "exp": NOW + 60, "roles": ["a,admin"], "sub": { "is": "ann" } }));
    let edits = edits_of(&bearing(&odd), &rules);
    assert!(edits.contains(&removed("X-Roles")) && edits.contains(&removed("X-User")));
}

#[test]
fn keys_are_chosen_by_kid_and_a_token_without_one_may_have_any() {
    secrets::set("old", b"the key of last year, of 32 bytes");
    let keys = json!([{ "id": "2026", "secret": "key" }, { "id": "2025", "secret": "old" }]);
    let rules = rules(json!({ "algorithm": "HS256", "keys": keys })).unwrap();
    let token = |header: Value| {
        signed_with(
            b"the key of last year, of 32 bytes",
            header,
            json!({ "exp": NOW + 60 }),
        )
    };
    assert!(passes(
        &token(json!({ "alg": "HS256", "kid": "2025" })),
        &rules
    ));
    assert!(passes(&token(json!({ "alg": "HS256" })), &rules));
    for kid in ["2026", "2024"] {
        let token = token(json!({ "alg": "HS256", "kid": kid }));
        assert_eq!(refused(&token, &rules), "the signature is not valid");
    }
}

#[test]
fn what_is_no_token_is_refused_without_being_shown() {
    let rules = rules(json!({})).unwrap();
    let long = "x".repeat(17 << 10);
    for (token, reason) in [
        ("s3cret", "the token does not have three parts"),
        ("s3cret.s3cret", "the token does not have three parts"),
        ("s3cret.a.b.c", "the token does not have three parts"),
        ("s3cret!.a.b", "the token's header is no base64url"),
        ("s3cr.a.b", "the token's header can't be read"),
        (&long, "the token is too long"),
    ] {
        assert_eq!(refused(token, &rules), reason);
        let ViewerRequestDecision::Respond(answer) = decide(&bearing(token), &rules, NOW) else {
            panic!("refused")
        };
        assert!(!String::from_utf8(answer.body).unwrap().contains("s3cr"));
    }
    let critical = signed_with(
        SECRET,
        json!({ "alg": "HS256", "crit": ["b64"] }),
        json!({ "exp": NOW + 60 }),
    );
    assert_eq!(
        refused(&critical, &rules),
        "the token has a critical extension"
    );
    let twice = format!(
        "{}.e30.AA",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none","alg":"HS256"}"#)
    );
    assert_eq!(refused(&twice, &rules), "the token's header can't be read");
}
