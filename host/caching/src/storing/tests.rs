use super::*;
use crate::testing::{NOW, NOW_TEXT, date, fields, get, plain, received, store, store_with};
use http::HeaderName;

#[test]
fn rfc_9111_3_responses_to_other_methods_than_get_are_not_stored() {
    let (none, response) = (HeaderMap::new(), fields(&[("cache-control", "max-age=60")]));
    for method in [
        "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "QUERY", "get",
    ] {
        let method = Method::from_bytes(method.as_bytes()).expect(method);
        let request = Request {
            method: &method,
            ..get(&none)
        };
        let decided = may_store(
            &request,
            &received(200, &response),
            &plain(),
            &Overrides::default(),
        );
        assert_eq!(decided, Err(NoStore::Method), "{method}");
    }
}

#[test]
fn rfc_9111_3_statuses_that_are_never_stored() {
    for status in [100, 101, 103, 199, 304, 412, 416] {
        let lines = [("cache-control", "public, max-age=60"), ("etag", "\"a\"")];
        for overrides in [
            Overrides::default(),
            Overrides {
                lifetime: Some(5),
                ..Overrides::default()
            },
        ] {
            assert_eq!(
                store_with(&[], status, &lines, &plain(), &overrides),
                Err(NoStore::Status),
                "{status}"
            );
        }
    }
}

#[test]
fn rfc_9111_5_2_2_4_and_7_named_fields_are_left_out() {
    for line in [
        "max-age=60, private=\"x-a, Set-Cookie\"",
        "max-age=60, no-cache=\"x-a, set-cookie\"",
        "max-age=60, private=\"x-a\", no-cache=\"set-cookie\"",
    ] {
        let stored = store(&[
            ("cache-control", line),
            ("x-a", "1"),
            ("x-b", "2"),
            ("set-cookie", "c"),
        ]);
        let stored = stored.expect(line);
        assert!(!stored.fields.contains_key("x-a"), "{line}");
        assert!(!stored.fields.contains_key("set-cookie"), "{line}");
        assert_eq!(stored.fields["x-b"], "2", "{line}");
        assert!(!stored.directives.no_cache, "{line}");
    }
}

#[test]
fn rfc_9111_3_1_fields_that_are_not_stored() {
    let stored = store(&[
        ("cache-control", "max-age=60"),
        ("connection", "x-hop, close"),
        ("x-hop", "1"),
        ("keep-alive", "timeout=5"),
        ("transfer-encoding", "chunked"),
        ("age", "3"),
        ("x-end", "1"),
    ])
    .expect("it is stored");
    let names: Vec<_> = stored.fields.keys().map(HeaderName::as_str).collect();
    for name in [
        "connection",
        "x-hop",
        "keep-alive",
        "transfer-encoding",
        "age",
    ] {
        assert!(!names.contains(&name), "{name}");
    }
    assert!(names.contains(&"x-end"));
}

#[test]
fn rfc_9110_6_6_1_a_response_without_date_gets_one() {
    for lines in [
        &[("cache-control", "max-age=60")][..],
        &[("cache-control", "max-age=60"), ("date", "now")],
    ] {
        let stored = store(lines).expect("it is stored");
        assert_eq!(
            stored.fields.get_all("date").iter().collect::<Vec<_>>(),
            [NOW_TEXT]
        );
        assert_eq!(stored.date, NOW);
    }
    let made = date(-5);
    let stored = store(&[("cache-control", "max-age=60"), ("date", &made)]).expect("it is stored");
    assert_eq!(
        (stored.fields["date"].as_bytes(), stored.date),
        (made.as_bytes(), Time(NOW.0 - 5000))
    );
}

#[test]
fn rfc_9111_5_2_2_4_no_cache_is_stored_where_it_can_be_validated() {
    let stored = store(&[("cache-control", "no-cache, max-age=60"), ("etag", "\"a\"")])
        .expect("it is stored");
    assert!(stored.directives.no_cache);
    assert_eq!(
        store(&[("cache-control", "no-cache, max-age=60")]),
        Err(NoStore::NotFresh)
    );
    assert!(
        store(&[("pragma", "no-cache"), ("etag", "\"a\"")])
            .expect("it is stored")
            .directives
            .no_cache
    );
}

#[test]
fn what_is_stale_on_arrival_is_stored_only_where_it_is_of_use() {
    for (lines, expected) in [
        (
            &[("cache-control", "max-age=0")][..],
            Some(NoStore::NotFresh),
        ),
        (
            &[("cache-control", "max-age=60"), ("age", "60")],
            Some(NoStore::NotFresh),
        ),
        (&[("expires", "0")], Some(NoStore::NotFresh)),
        (&[], Some(NoStore::NotFresh)),
        (&[("etag", "\"a\"")], None),
        (&[("last-modified", NOW_TEXT)], None),
        (&[("cache-control", "max-age=0"), ("etag", "\"a\"")], None),
        (
            &[("cache-control", "max-age=0, stale-while-revalidate=5")],
            None,
        ),
        (&[("cache-control", "max-age=0, stale-if-error=5")], None),
        (
            &[("cache-control", "max-age=0, stale-if-error=0")],
            Some(NoStore::NotFresh),
        ),
        (
            &[(
                "cache-control",
                "max-age=0, stale-if-error=5, must-revalidate",
            )],
            Some(NoStore::NotFresh),
        ),
    ] {
        assert_eq!(store(lines).err(), expected, "{lines:?}");
    }
}

#[test]
fn rfc_9111_4_1_vary_star_is_not_stored() {
    assert_eq!(
        store(&[("cache-control", "max-age=60"), ("vary", "*")]),
        Err(NoStore::VaryStar)
    );
    let stored = store_with(
        &[("accept-encoding", "gzip")],
        200,
        &[
            ("cache-control", "max-age=60"),
            ("vary", "Accept-Encoding, X-A"),
        ],
        &plain(),
        &Overrides::default(),
    )
    .expect("it is stored");
    let vary: Vec<_> = stored
        .vary
        .iter()
        .map(|nominated| (nominated.name.as_str(), nominated.value.as_deref()))
        .collect();
    assert_eq!(
        vary,
        [("accept-encoding", Some(&b"gzip"[..])), ("x-a", None)]
    );
}

#[test]
fn rfc_9111_3_3_a_part_is_stored_with_its_position() {
    let fresh = ("cache-control", "max-age=60");
    let part = |value| {
        store_with(
            &[],
            206,
            &[fresh, ("content-range", value)],
            &plain(),
            &Overrides::default(),
        )
    };
    let stored = part("bytes 2-5/10").expect("it is stored");
    assert_eq!(
        stored.body,
        StoredBody::Partial {
            first: 2,
            last: 5,
            complete_length: Some(10)
        }
    );
    assert!(!stored.is_complete());
    assert_eq!(part("bytes 5-2/10"), Err(NoStore::PartUnknown));
    let with = |field: (&str, &str)| {
        let range = ("content-range", "bytes 4-9/10");
        let fields = [fresh, range, field];
        store_with(&[], 206, &fields, &plain(), &Overrides::default()).map(|stored| stored.body)
    };
    assert!(with(("content-length", "6")).is_ok());
    for length in ["0", "5", "7"] {
        let refused = Err(NoStore::PartLength);
        assert_eq!(with(("content-length", length)), refused, "{length}");
    }
    for several in ["multipart/byteranges; boundary=x", "Multipart/ByteRanges"] {
        let refused = Err(NoStore::PartUnknown);
        assert_eq!(with(("content-type", several)), refused, "{several}");
    }
    assert_eq!(
        store_with(&[], 206, &[fresh], &plain(), &Overrides::default()),
        Err(NoStore::PartUnknown)
    );
    for (lines, length) in [
        (&[fresh, ("content-length", "7")][..], Some(7)),
        (&[fresh], None),
    ] {
        assert_eq!(
            store(lines).expect("it is stored").body,
            StoredBody::Complete { length }
        );
    }
}

#[test]
fn rfc_9111_5_2_1_5_no_store_of_a_request_counts_where_it_is_honoured() {
    let (asked, lines) = (
        [("cache-control", "no-store")],
        [("cache-control", "max-age=60")],
    );
    assert!(store_with(&asked, 200, &lines, &plain(), &Overrides::default()).is_ok());
    let honoured = Policy {
        honor_viewer_cache_control: true,
        ..plain()
    };
    let decided = store_with(&asked, 200, &lines, &honoured, &Overrides::default());
    assert_eq!(decided, Err(NoStore::RequestNoStore));
}

#[test]
fn policy_tags_come_from_the_named_field_and_the_hook_once_each_and_bounded() {
    let policy = Policy {
        tag_field: Some(HeaderName::from_static("surrogate-key")),
        max_tags: 4,
        ..plain()
    };
    let hook = Overrides {
        tags: vec!["d".to_owned(), "a".to_owned()],
        ..Overrides::default()
    };
    let lines = [
        ("cache-control", "max-age=60"),
        ("surrogate-key", " a  b,a ,"),
        ("surrogate-key", "c"),
    ];
    let stored = store_with(&[], 200, &lines, &policy, &hook).expect("it is stored");
    assert_eq!(stored.tags, ["a", "b", "c", "d"]);
    let less = Policy {
        max_tags: 3,
        ..policy
    };
    assert_eq!(
        store_with(&[], 200, &lines, &less, &hook),
        Err(NoStore::TooManyTags)
    );
    assert!(store_with(&[], 200, &lines, &less, &Overrides::default()).is_ok());
}

#[test]
fn policy_fields_are_bounded() {
    let policy = Policy {
        max_field_bytes: 60,
        ..plain()
    };
    let fresh = ("cache-control", "max-age=60");
    assert!(
        store_with(
            &[],
            200,
            &[fresh, ("x", "0123456789")],
            &policy,
            &Overrides::default()
        )
        .is_ok()
    );
    let more = "0".repeat(40);
    let decided = store_with(
        &[],
        200,
        &[fresh, ("x", &more)],
        &policy,
        &Overrides::default(),
    );
    assert_eq!(decided, Err(NoStore::FieldsTooLarge));
}

#[test]
fn every_reason_has_its_own_word() {
    let all = [
        NoStore::Method,
        NoStore::Disabled,
        NoStore::Plugin,
        NoStore::RequestNoStore,
        NoStore::Status,
        NoStore::MustUnderstand,
        NoStore::NoStore,
        NoStore::Private,
        NoStore::Authorization,
        NoStore::SetCookie,
        NoStore::NoFreshness,
        NoStore::NotFresh,
        NoStore::VaryStar,
        NoStore::PartUnknown,
        NoStore::PartLength,
        NoStore::FieldsTooLarge,
        NoStore::TooManyTags,
    ];
    let words: std::collections::HashSet<_> = all.iter().map(NoStore::as_str).collect();
    assert_eq!(words.len(), all.len());
    assert!(words.iter().all(|word| {
        word.bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    }));
}
