//! The hooks as plain functions: no host, no WebAssembly.

use super::*;

const CHECKOUT: &str = r#"{ "experiments": [
    { "name": "checkout", "groups": [
        { "name": "a", "weight": 90 },
        { "name": "b", "weight": 10, "origin": "canary" }
    ] }
] }"#;

const TWO: &str = r#"{ "experiments": [
    { "name": "home", "paths": ["/"], "groups": [{ "name": "new", "weight": 1, "origin": "home" }] },
    { "name": "shop", "paths": ["/", "/shop/*"], "by": "address", "groups": [
        { "name": "x", "weight": 1, "origin": "shop-x" }, { "name": "y", "weight": 1 }
    ] }
] }"#;

/// Takes a configuration, as the host does for each instance.
fn configured(json: &str) -> Result<()> {
    config::set_json(json);
    read_configuration(config::read()?)
}

/// The request as it is after `viewer-request`, with the cookies that were sent.
fn assigned(path: &str, cookie: Option<(&str, &str)>, id: &str) -> Request {
    let sent = || {
        let built = Request::builder("GET", path).request_id(id);
        match cookie {
            Some((name, value)) => built.cookie(name, value),
            None => built,
        }
    };
    match on_viewer_request(&sent().build()).unwrap() {
        ViewerRequestDecision::Edit(edits) => {
            let Some(FieldEdit::Set(field)) = edits.fields.first() else {
                panic!("the field is set: {edits:?}")
            };
            sent().field(&field.name, &field.value).build()
        }
        ViewerRequestDecision::Next => sent().build(),
        other => panic!("{other:?}"),
    }
}

fn groups(request: &Request) -> Option<String> {
    request.field_text("X-Experiments")
}

fn cookies_set(request: &Request, response: &Response) -> Vec<String> {
    let Ok(ViewerResponseDecision::Edit(edits)) = on_viewer_response(request, response) else {
        panic!("the response is edited")
    };
    let lines = edits.fields.iter().filter_map(|edit| match edit {
        FieldEdit::Append(field) if field.name == "Set-Cookie" => {
            Some(String::from_utf8_lossy(&field.value).into_owned())
        }
        _ => None,
    });
    lines.collect()
}

fn cache_control(said: &str) -> String {
    cache_control::private(said)
}

#[test]
fn a_viewer_without_a_cookie_is_assigned_and_told() {
    configured(CHECKOUT).unwrap();
    let first = assigned("/", None, "1");
    let group = groups(&first).expect("it is assigned");
    let name = group.strip_prefix("checkout=").unwrap();
    assert_eq!(
        cookies_set(&first, &Response::builder(200).build()),
        [format!(
            "ab-checkout={name}; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly; Secure"
        )]
    );
}

#[test]
fn a_viewer_with_a_cookie_stays_and_gets_no_other_one() {
    configured(CHECKOUT).unwrap();
    for group in ["a", "b"] {
        for id in 0..50 {
            let viewer = assigned("/", Some(("ab-checkout", group)), &id.to_string());
            assert_eq!(groups(&viewer), Some(format!("checkout={group}")));
            assert!(cookies_set(&viewer, &Response::builder(200).build()).is_empty());
        }
    }
}

#[test]
fn a_cookie_of_no_group_counts_for_nothing() {
    configured(CHECKOUT).unwrap();
    let viewer = assigned("/", Some(("ab-checkout", "c; x=\r\n")), "1");
    assert_eq!(groups(&viewer), groups(&assigned("/", None, "1")));
    assert_eq!(
        cookies_set(&viewer, &Response::builder(200).build()).len(),
        1
    );
}

#[test]
fn groups_are_as_large_as_their_weights_say() {
    configured(CHECKOUT).unwrap();
    let in_b = (0..10_000).filter(|id| {
        let viewer = assigned("/", None, &format!("{id:016x}"));
        groups(&viewer).as_deref() == Some("checkout=b")
    });
    let in_b = in_b.count();
    assert!(
        (900..1100).contains(&in_b),
        "{in_b} of 10000 are in the group of 10 in 100"
    );
}

#[test]
fn experiments_are_independent_of_each_other() {
    // Of those in the first half of one, half are in the first half of the other.
    let first = |experiment: &[u8], id: u32| {
        assignment::hash(experiment, &id.to_be_bytes()).is_multiple_of(2)
    };
    let both = (0..10_000)
        .filter(|id| first(b"one", *id) && first(b"two", *id))
        .count();
    assert!((2_300..2_700).contains(&both), "{both} of 10000");
}

#[test]
fn the_hash_never_changes() {
    // A change would assign everybody anew.
    assert_eq!(
        assignment::hash(b"checkout", b"192.0.2.1"),
        0x6327_0443_7cde_0ccc
    );
}

#[test]
fn by_address_or_by_a_cookie_of_the_site_it_is_always_the_same_group() {
    for by in ["address", "cookie:user", "field:X-User"] {
        configured(&CHECKOUT.replace("\"groups\"", &format!("\"by\": \"{by}\", \"groups\"")))
            .unwrap();
        let of = |user: &str, id: &str| {
            let request = Request::builder("GET", "/")
                .viewer_address(user)
                .cookie("user", user)
                .field("X-User", user)
                .request_id(id)
                .build();
            format!("{:?}", on_viewer_request(&request))
        };
        let mut seen = std::collections::BTreeSet::new();
        for user in 0..100 {
            let user = format!("192.0.2.{user}");
            assert_eq!(of(&user, "1"), of(&user, "2"), "{by}");
            seen.insert(of(&user, "1"));
        }
        assert_eq!(seen.len(), 2, "{by}: both groups occur");
    }
}

#[test]
fn whoever_lacks_what_is_hashed_is_assigned_at_random() {
    configured(&CHECKOUT.replace("\"groups\"", "\"by\": \"cookie:user\", \"groups\"")).unwrap();
    let random: Vec<Option<String>> = (0..100)
        .map(|id| groups(&assigned("/", None, &id.to_string())))
        .collect();
    assert!(random.iter().any(|group| *group != random[0]), "{random:?}");
}

#[test]
fn the_key_names_the_field_of_the_groups_and_the_origin_is_the_groups_own() {
    configured(CHECKOUT).unwrap();
    let b = assigned("/", Some(("ab-checkout", "b")), "1");
    let a = assigned("/", Some(("ab-checkout", "a")), "1");
    assert_eq!(
        key(&b),
        Ok(KeyDecision::extend([KeyPart::field("X-Experiments")]))
    );
    assert_eq!(origin(&b), Ok(OriginDecision::origin("canary")));
    assert_eq!(origin(&a), Ok(OriginDecision::Policy));
}

#[test]
fn an_experiment_concerns_its_paths_and_the_first_groups_origin_counts() {
    configured(TWO).unwrap();
    let shop = Some(("ab-shop", "x"));
    assert_eq!(
        groups(&assigned("/", shop, "1")).as_deref(),
        Some("home=new, shop=x")
    );
    assert_eq!(
        origin(&assigned("/", shop, "1")),
        Ok(OriginDecision::origin("home"))
    );
    assert_eq!(
        groups(&assigned("/shop/1", shop, "1")).as_deref(),
        Some("shop=x")
    );
    assert_eq!(
        origin(&assigned("/shop/1", shop, "1")),
        Ok(OriginDecision::origin("shop-x"))
    );

    let elsewhere = assigned("/about", shop, "1");
    assert_eq!(groups(&elsewhere), None);
    assert_eq!(origin(&elsewhere), Ok(OriginDecision::Policy));
    let response = Response::builder(200).build();
    assert_eq!(
        on_viewer_response(&elsewhere, &response),
        Ok(ViewerResponseDecision::Next)
    );
}

#[test]
fn nobody_takes_part_by_claiming_to() {
    configured(TWO).unwrap();
    let claimed = |path: &str| {
        Request::builder("GET", path)
            .field("X-Experiments", "home=new")
            .cookie("ab-shop", "y")
            .build()
    };
    let removed = RequestEdits::new().remove("X-Experiments");
    assert_eq!(on_viewer_request(&claimed("/about")), Ok(removed.into()));
    let replaced = RequestEdits::new().set("X-Experiments", "shop=y");
    assert_eq!(on_viewer_request(&claimed("/shop/1")), Ok(replaced.into()));
}

#[test]
fn no_other_cache_may_share_what_a_group_gets() {
    assert_eq!(cache_control(""), "private");
    assert_eq!(
        cache_control("public, max-age=60, S-MaxAge=90"),
        "max-age=60, private"
    );
    assert_eq!(cache_control("no-store"), "no-store, private");
    assert_eq!(
        cache_control("no-cache=\"a, public\", private=\"x\\\", y\", immutable,,"),
        "no-cache=\"a, public\", immutable, private"
    );

    configured(CHECKOUT).unwrap();
    let viewer = assigned("/", Some(("ab-checkout", "b")), "1");
    let response = Response::builder(200)
        .field("Cache-Control", "public, max-age=60")
        .field("CDN-Cache-Control", "max-age=600")
        .build();
    let expected = ResponseEdits::new()
        .set("Cache-Control", "max-age=60, private")
        .remove("CDN-Cache-Control");
    assert_eq!(on_viewer_response(&viewer, &response), Ok(expected.into()));

    configured(&CHECKOUT.replacen('{', "{ \"private\": false,", 1)).unwrap();
    assert_eq!(
        on_viewer_response(&viewer, &response),
        Ok(ResponseEdits::new().into())
    );
}

#[test]
fn without_tls_the_cookie_is_not_secure() {
    configured(CHECKOUT).unwrap();
    let request = Request::builder("GET", "http://www.example.com/")
        .field("X-Experiments", "checkout=a")
        .build();
    let cookies = cookies_set(&request, &Response::builder(200).build());
    assert_eq!(
        cookies,
        ["ab-checkout=a; Path=/; Max-Age=2592000; SameSite=Lax; HttpOnly"]
    );
}

#[test]
fn a_weight_of_zero_takes_nobody_new() {
    configured(&CHECKOUT.replace("10", "0")).unwrap();
    for id in 0..200 {
        assert_eq!(
            groups(&assigned("/", None, &id.to_string())).as_deref(),
            Some("checkout=a")
        );
    }
    let member = assigned("/", Some(("ab-checkout", "b")), "1");
    assert_eq!(groups(&member).as_deref(), Some("checkout=b"));
}

#[test]
fn a_wrong_configuration_is_refused_with_the_way_out() {
    let of = |experiment: &str| format!("{{ \"experiments\": [{experiment}] }}");
    let groups = r#""groups": [{ "name": "a", "weight": 1 }]"#;
    for (json, expected) in [
        ("{}".to_owned(), "missing field `experiments`"),
        (of(""), "`experiments` has 0 entries; it takes 1 to 16"),
        (
            of(r#"{ "name": "x", "groups": [] }"#),
            "experiment \"x\": `groups` has 0 entries",
        ),
        (
            of(r#"{ "name": "x y", "groups": [] }"#),
            "`name` is \"x y\"; it takes",
        ),
        (
            of(r#"{ "name": "x", "groups": [{ "name": "a", "weight": 0 }] }"#),
            "all weights are 0",
        ),
        (
            of(
                r#"{ "name": "x", "groups": [{ "name": "a", "weight": 1 }, { "name": "a", "weight": 1 }] }"#,
            ),
            "two groups \"a\"",
        ),
        (
            of(r#"{ "name": "x", "groups": [{ "name": "a", "weight": -1 }] }"#),
            "invalid value: integer `-1`",
        ),
        (
            of(r#"{ "name": "x", "groups": [{ "name": "a", "weigth": 1 }] }"#),
            "unknown field `weigth`, expected one of `name`, `weight`, `origin`",
        ),
        (
            of(&format!("{{ \"name\": \"x\", \"by\": \"ip\", {groups} }}")),
            "`by` is \"ip\"; it takes \"random\"",
        ),
        (
            of(&format!("{{ \"name\": \"x\", \"paths\": [], {groups} }}")),
            "`paths` is empty",
        ),
        (
            of(&format!(
                "{{ \"name\": \"x\", \"paths\": [\"/a b\"], {groups} }}"
            )),
            "experiment \"x\": the pattern \"/a b\"",
        ),
        (
            of(&format!(
                "{{ \"name\": \"x\", {groups} }}, {{ \"name\": \"x\", {groups} }}"
            )),
            "two experiments \"x\"",
        ),
        (
            of(&format!(
                "{{ \"name\": \"x\", {groups} }}, {{ \"name\": \"y\", \"cookie\": \"ab-x\", {groups} }}"
            )),
            "have one cookie, \"ab-x\"",
        ),
        (
            CHECKOUT.replacen('{', "{ \"cookie_days\": 1000,", 1),
            "`cookie_days` is 1000; it takes 1 to 400",
        ),
        (
            CHECKOUT.replacen('{', "{ \"field\": \"X-Edge-Group\",", 1),
            "`field` is \"X-Edge-Group\", which no plugin may change",
        ),
        (
            CHECKOUT.replacen('{', "{ \"field\": \"host\",", 1),
            "`field` is \"host\", which no plugin may change",
        ),
    ] {
        let refused = configured(&json).unwrap_err().to_string();
        assert!(refused.contains(expected), "{json}: {refused}");
    }
}
