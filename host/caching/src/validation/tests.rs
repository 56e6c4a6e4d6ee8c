use super::*;
use crate::testing::{NOW, date, fields, get, plain, received, stored, stored_for};
use crate::{Reuse, Time, ValidateReason, may_reuse};
use http::StatusCode;

type Lines<'a> = &'a [(&'a str, &'a str)];

/// A stored response after a 304 with these fields, ten seconds later.
fn after(stored: &Stored, lines: Lines<'_>) -> Freshen {
    after_with(stored, lines, &Overrides::default())
}

fn after_with(stored: &Stored, lines: Lines<'_>, overrides: &Overrides) -> Freshen {
    let (none, fields) = (HeaderMap::new(), fields(lines));
    let confirmation = Response {
        status: StatusCode::NOT_MODIFIED,
        fields: &fields,
        request_time: LATER,
        response_time: LATER,
    };
    freshen(stored, &get(&none), &confirmation, &plain(), overrides)
}

fn updated_by(stored: &Stored, lines: Lines<'_>) -> Stored {
    match after(stored, lines) {
        Freshen::Updated(stored) => stored,
        Freshen::NotThisOne => panic!("{lines:?} is not about it"),
    }
}

const LATER: Time = Time(NOW.0 + 100_000);

#[test]
fn rfc_9111_4_3_1_conditions_come_from_the_validators() {
    let fresh = ("cache-control", "max-age=60");
    let modified = ("last-modified", "Sun, 06 Nov 1994 08:00:00 GMT");
    for (lines, tag, since) in [
        (&[fresh][..], None, None),
        (&[fresh, ("etag", "\"a\"")], Some("\"a\""), None),
        (&[fresh, ("etag", "W/\"a\"")], Some("W/\"a\""), None),
        (&[fresh, modified], None, Some(modified.1)),
        (
            &[fresh, ("etag", "\"a\""), modified],
            Some("\"a\""),
            Some(modified.1),
        ),
        (&[fresh, ("etag", "\"a\""), ("etag", "\"b\"")], None, None),
        (&[fresh, ("etag", "\"a b\"")], None, None),
    ] {
        let conditions = validation_fields(&stored(200, lines));
        let value = |name| {
            Some(
                conditions
                    .as_ref()?
                    .get(name)?
                    .to_str()
                    .expect("text")
                    .to_owned(),
            )
        };
        assert_eq!(value(IF_NONE_MATCH).as_deref(), tag, "{lines:?}");
        assert_eq!(value(IF_MODIFIED_SINCE).as_deref(), since, "{lines:?}");
        assert_eq!(
            conditions.is_some(),
            tag.is_some() || since.is_some(),
            "{lines:?}"
        );
    }
}

#[test]
fn rfc_9111_4_3_1_a_part_is_not_validated_as_if_it_were_the_whole() {
    let part = [
        ("cache-control", "max-age=60"),
        ("content-range", "bytes 0-1/2"),
        ("etag", "\"a\""),
    ];
    assert_eq!(validation_fields(&stored(206, &part)), None);
}

#[test]
fn rfc_9111_4_3_4_which_confirmations_are_about_a_stored_response() {
    let (then, now) = (
        "Sun, 06 Nov 1994 08:00:00 GMT",
        "Sun, 06 Nov 1994 08:30:00 GMT",
    );
    let (strong, other, weak) = (("etag", "\"a\""), ("etag", "\"b\""), ("etag", "W/\"a\""));
    let (modified, later) = (("last-modified", then), ("last-modified", now));
    for (kept, said, expected) in [
        (&[strong][..], &[strong][..], true),
        (&[strong], &[other], false),
        (&[strong], &[weak], true),
        (&[weak], &[weak], true),
        (&[weak], &[strong], true),
        (&[weak], &[other], false),
        (&[strong, modified], &[strong, later], true),
        (&[strong, modified], &[other, modified], false),
        (&[modified], &[modified], true),
        (&[modified], &[later], false),
        (&[modified], &[strong], false),
        (&[modified], &[strong, modified], true),
        (&[strong, modified], &[modified], true),
        (&[strong, modified], &[later], false),
        (&[strong], &[modified], true),
        // Nothing else was asked about.
        (&[strong], &[], true),
        (&[modified], &[], true),
    ] {
        let lines = [&[("cache-control", "max-age=60")][..], kept].concat();
        let about = after(&stored(200, &lines), said) != Freshen::NotThisOne;
        assert_eq!(about, expected, "{kept:?} {said:?}");
    }
}

#[test]
fn rfc_9111_4_3_4_a_strong_tag_confirms_a_weak_one_and_does_not_replace_it() {
    let kept = |kept: &str, said: &str| {
        let lines = [("cache-control", "max-age=60"), ("etag", kept)];
        let fresh = updated_by(&stored(200, &lines), &[("etag", said), ("x-new", "1")]);
        assert_eq!(fresh.fields["x-new"], "1", "{kept} {said}");
        assert_eq!(
            fresh.fields.get_all(ETAG).iter().count(),
            1,
            "{kept} {said}"
        );
        fresh.fields[ETAG].to_str().expect("text").to_owned()
    };
    assert_eq!(kept("W/\"a\"", "\"a\""), "W/\"a\"");
    assert_eq!(kept("\"a\"", "W/\"a\""), "W/\"a\"");
    assert_eq!(kept("\"a\"", "\"a\""), "\"a\"");
    // Tags without quotes are weak, and another text.
    let lines = [("cache-control", "max-age=60"), ("etag", "a")];
    assert_eq!(
        after(&stored(200, &lines), &[("etag", "\"a\"")]),
        Freshen::NotThisOne
    );
}

#[test]
fn rfc_9111_4_3_4_a_part_is_confirmed_by_the_same_strong_tag_only() {
    let part = |tag| {
        let range = ("content-range", "bytes 0-1/4");
        stored(
            206,
            &[("cache-control", "max-age=60"), range, ("etag", tag)],
        )
    };
    for (kept, said, expected) in [
        ("\"a\"", "\"a\"", true),
        ("\"a\"", "W/\"a\"", false),
        ("W/\"a\"", "\"a\"", false),
        ("W/\"a\"", "W/\"a\"", false),
    ] {
        let about = after(&part(kept), &[("etag", said)]) != Freshen::NotThisOne;
        assert_eq!(about, expected, "{kept} {said}");
    }
}

#[test]
fn rfc_9111_4_3_4_a_confirmed_response_is_fresh_again() {
    let stored = stored(
        200,
        &[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("age", "50"),
        ],
    );
    let none = HeaderMap::new();
    let stale = may_reuse(&get(&none), &stored, &plain(), LATER);
    assert_eq!(stale, Reuse::MustValidate(ValidateReason::Stale));
    let fresh = updated_by(&stored, &[]);
    assert_eq!(
        may_reuse(&get(&none), &fresh, &plain(), LATER),
        Reuse::Fresh { ttl: 60 }
    );
    assert_eq!(crate::current_age(&fresh, LATER), 0);
    let aged = updated_by(&stored, &[("age", "7"), ("cache-control", "max-age=30")]);
    assert_eq!(
        may_reuse(&get(&none), &aged, &plain(), LATER),
        Reuse::Fresh { ttl: 23 }
    );
    let dated = date(98);
    let dated = updated_by(&stored, &[("date", &dated)]);
    assert_eq!(
        may_reuse(&get(&none), &dated, &plain(), LATER),
        Reuse::Fresh { ttl: 58 }
    );
}

#[test]
fn rfc_9111_3_2_fields_are_replaced_but_those_that_describe_the_stored_bytes() {
    let stored = stored(
        200,
        &[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("content-length", "3"),
            ("content-encoding", "gzip"),
            ("content-type", "text/plain"),
            ("x-kept", "1"),
            ("x-new", "1"),
            ("x-new", "2"),
        ],
    );
    let fresh = updated_by(
        &stored,
        &[
            ("x-new", "3"),
            ("x-new", "4"),
            ("x-more", "5"),
            ("content-length", "0"),
            ("content-encoding", "br"),
            ("content-range", "bytes 0-1/2"),
            ("content-type", "text/html"),
            ("connection", "x-hop"),
            ("x-hop", "6"),
            ("age", "1"),
        ],
    );
    let all = |name: &str| {
        let values = fresh.fields.get_all(name).iter();
        values
            .map(|value| value.to_str().expect("text").to_owned())
            .collect::<Vec<_>>()
    };
    for (name, expected) in [
        ("x-kept", &["1"][..]),
        ("x-new", &["3", "4"]),
        ("x-more", &["5"]),
        ("content-length", &["3"]),
        ("content-encoding", &["gzip"]),
        ("content-range", &[]),
        ("content-type", &["text/html"]),
        ("connection", &[]),
        ("x-hop", &[]),
        ("age", &[]),
        ("etag", &["\"a\""]),
        ("cache-control", &["max-age=60"]),
    ] {
        assert_eq!(all(name), expected, "{name}");
    }
    assert_eq!(fresh.status, StatusCode::OK);
    assert_eq!(fresh.body, stored.body);
}

#[test]
fn what_is_known_beside_the_fields_stays() {
    let mut stored = stored_for(
        &[],
        200,
        &[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("vary", "x-a"),
        ],
    );
    stored.trailers = Some(fields(&[("x-sum", "1")]));
    stored.tags = vec!["t".to_owned()];
    stored.invalidated_softly = true;
    let fresh = updated_by(&stored, &[]);
    assert_eq!(fresh.trailers, stored.trailers);
    assert_eq!(fresh.tags, ["t"]);
    assert_eq!(fresh.vary, stored.vary);
    assert!(!fresh.invalidated_softly);
    let hook = Overrides {
        lifetime: Some(5),
        tags: vec!["u".to_owned()],
        ..Overrides::default()
    };
    let Freshen::Updated(fresh) = after_with(&stored, &[], &hook) else {
        panic!("it is about it");
    };
    assert_eq!(
        (fresh.lifetime, fresh.lifetime_source),
        (5, LifetimeSource::Plugin)
    );
    assert_eq!(fresh.tags, ["u"]);
}

#[test]
fn rfc_9111_5_2_2_a_confirmation_that_forbids_further_use_ends_it() {
    let stored = stored(
        200,
        &[
            ("cache-control", "max-age=60, stale-if-error=99"),
            ("etag", "\"a\""),
        ],
    );
    let none = HeaderMap::new();
    for line in ["no-store", "private", "no-cache"] {
        let ended = updated_by(&stored, &[("cache-control", line)]);
        let reuse = may_reuse(&get(&none), &ended, &plain(), LATER);
        assert_eq!(
            reuse,
            Reuse::MustValidate(ValidateReason::NoCache),
            "{line}"
        );
        let stale = crate::may_serve_stale_on_error(
            &get(&none),
            &ended,
            &plain(),
            crate::OriginTrouble::Error,
            LATER,
        );
        assert!(stale.is_err(), "{line}");
        assert_eq!(ended.fields["cache-control"], line);
        assert_eq!(ended.date, LATER, "{line}");
        assert!(ended.fields.contains_key("date"), "{line}");
    }
    let dont = Overrides {
        dont_store: true,
        ..Overrides::default()
    };
    let Freshen::Updated(ended) = after_with(&stored, &[], &dont) else {
        panic!("it is about it");
    };
    assert!(ended.directives.no_cache);
}

#[test]
fn rfc_9111_5_2_2_7_fields_that_a_confirmation_makes_private_leave() {
    let stored = stored(
        200,
        &[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("x-a", "1"),
        ],
    );
    let fresh = updated_by(
        &stored,
        &[
            ("cache-control", "max-age=60, private=\"x-a\""),
            ("x-a", "2"),
        ],
    );
    assert!(!fresh.fields.contains_key("x-a"));
}

#[test]
fn rfc_9111_4_3_5_head_updates_what_it_is_about() {
    let stored = stored(
        200,
        &[
            ("cache-control", "max-age=60"),
            ("etag", "\"a\""),
            ("last-modified", "Sun, 06 Nov 1994 08:00:00 GMT"),
            ("content-length", "3"),
        ],
    );
    let none = HeaderMap::new();
    for (status, lines, expected) in [
        (200, &[("x-new", "1")][..], true),
        (
            200,
            &[("etag", "\"a\""), ("content-length", "3"), ("x-new", "1")],
            true,
        ),
        (200, &[("etag", "\"b\"")], false),
        (200, &[("etag", "W/\"a\"")], false),
        (200, &[("content-length", "4")], false),
        (
            200,
            &[("last-modified", "Sun, 06 Nov 1994 08:00:01 GMT")],
            false,
        ),
        (404, &[], false),
    ] {
        let fields = fields(lines);
        let answer = received(status, &fields);
        let freshened = freshen_by_head(
            &stored,
            &get(&none),
            &answer,
            &plain(),
            &Overrides::default(),
        );
        match freshened {
            Freshen::Updated(stored) => {
                assert!(expected, "{status} {lines:?}");
                assert_eq!(stored.fields["x-new"], "1");
                assert_eq!(stored.fields["content-length"], "3");
            }
            Freshen::NotThisOne => assert!(!expected, "{status} {lines:?}"),
        }
    }
}
