mod unsafe_methods;

use super::marks::MAX_MARKS;
use super::*;
use selvedge_store::{Config, Store};

const NOW: Time = Time(1_700_000_000_000);

fn store(dir: Option<&std::path::Path>) -> Store {
    Store::open(Config {
        dir: dir.map(|dir| dir.to_owned()),
        memory_bytes: 1 << 20,
        disk_bytes: 0,
        max_object_bytes: 1 << 20,
        max_variants: 10,
    })
    .unwrap()
}

fn empty() -> Invalidations {
    Invalidations::open(store(None).state()).unwrap()
}

fn id() -> Arc<str> {
    "main".into()
}

async fn invalidate(invalidations: &Invalidations, paths: &[&str], soft: bool) {
    let wanted: Vec<Wanted> = paths
        .iter()
        .map(|path| match path.strip_prefix('#') {
            Some(tag) => Wanted::tag(tag).unwrap(),
            None => Wanted::path(path).unwrap(),
        })
        .collect();
    invalidations
        .invalidate(&id(), &wanted, soft, NOW)
        .await
        .unwrap();
}

/// Names where all of the query is in the key and nothing is rewritten.
fn names(target: &str) -> Names<'_> {
    let (path, query) = target
        .split_once('?')
        .map_or((target, None), |(path, query)| (path, Some(query)));
    Names {
        target,
        path,
        keyed_query: query,
    }
}

fn standing(invalidations: &Invalidations, began: Sequence, target: &str) -> Standing {
    invalidations.standing("main", began, &[], [names(target)])
}

#[tokio::test]
async fn what_began_before_is_gone_and_what_begins_afterwards_is_valid_though_no_clock_moves() {
    let all = empty();
    let before = all.now();
    assert_eq!(standing(&all, before, "/a"), Standing::Valid);
    invalidate(&all, &["/a"], false).await;
    assert_eq!(standing(&all, before, "/a"), Standing::Gone);
    assert_eq!(standing(&all, before, "/b"), Standing::Valid);
    assert_eq!(standing(&all, all.now(), "/a"), Standing::Valid);
}

#[tokio::test]
async fn paths_are_taken_as_cloudfront_takes_them() {
    for (invalidated, target, hit) in [
        ("/a", "/a", true),
        ("/a", "/A", false),
        ("/a", "/a/", false),
        ("/a", "/ab", false),
        ("/a", "/a?b=1", false),
        ("/a?b=1", "/a?b=1", true),
        ("/a?b=1", "/a?b=2", false),
        ("/a?b=1", "/a", false),
        ("/a*", "/a", true),
        ("/a*", "/ab/c", true),
        ("/a*", "/a?b=1", true),
        ("/a*", "/b", false),
        ("/a/*", "/a/", true),
        ("/a/*", "/a/b/c", true),
        ("/a/*", "/a", false),
        ("/a?b=*", "/a?b=17", true),
        ("/a?b=*", "/a?c=17", false),
        ("/*", "/", true),
        ("/*", "/a?b=1", true),
        ("/a*c", "/abc", false),
        ("/a*c", "/a*c", true),
        // Another spelling is the same path (RFC 3986, section 6.2.2).
        ("/a", "//a", true),
        ("/a", "/%61", true),
        ("/a", "/b/../a", true),
        ("/%61", "/a", true),
        ("/%c3%a9", "/%C3%A9", true),
        ("/\u{e9}", "/%c3%a9", true),
        ("/a/%2e*", "/a/.x", true),
        ("/a/.*", "/a/b", false),
        ("/a/..*", "/b", false),
    ] {
        let all = empty();
        let before = all.now();
        invalidate(&all, &[invalidated], false).await;
        let expected = if hit { Standing::Gone } else { Standing::Valid };
        assert_eq!(
            standing(&all, before, target),
            expected,
            "{invalidated} {target}"
        );
    }
}

#[tokio::test]
async fn a_query_that_is_not_in_the_key_does_not_keep_a_path_from_being_hit() {
    let all = empty();
    let before = all.now();
    invalidate(&all, &["/a", "/c?x=1"], false).await;
    let unkeyed = |target| Names {
        target,
        path: "/a",
        keyed_query: None,
    };
    let standing = |names| all.standing("main", before, &[], [names]);
    assert_eq!(standing(unkeyed("/a?utm=1")), Standing::Gone);
    assert_eq!(
        standing(Names {
            path: "/c",
            ..unkeyed("/c?x=1")
        }),
        Standing::Gone
    );
    assert_eq!(
        standing(Names {
            path: "/c",
            ..unkeyed("/c?x=2")
        }),
        Standing::Valid
    );
}

#[tokio::test]
async fn the_path_after_rewriting_counts_as_well() {
    let all = empty();
    let before = all.now();
    invalidate(&all, &["/index.html"], false).await;
    let names = Names {
        target: "/",
        path: "/index.html",
        keyed_query: None,
    };
    assert_eq!(all.standing("main", before, &[], [names]), Standing::Gone);
}

#[tokio::test]
async fn one_of_several_names_is_enough() {
    let all = empty();
    let before = all.now();
    invalidate(&all, &["/b"], false).await;
    assert_eq!(
        all.standing("main", before, &[], [names("/a"), names("/b")]),
        Standing::Gone
    );
}

#[tokio::test]
async fn tags_are_exact_and_of_either_case() {
    let all = empty();
    let before = all.now();
    invalidate(&all, &["#Product-1"], false).await;
    let standing = |tags: &[&str]| {
        let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        all.standing("main", before, &tags, [names("/a")])
    };
    assert_eq!(standing(&["x", "product-1"]), Standing::Gone);
    assert_eq!(standing(&["PRODUCT-1"]), Standing::Gone);
    assert_eq!(standing(&["product-12"]), Standing::Valid);
    assert_eq!(standing(&[]), Standing::Valid);
}

#[tokio::test]
async fn distributions_are_apart() {
    let all = empty();
    let before = all.now();
    invalidate(&all, &["/*"], false).await;
    assert_eq!(
        all.standing("other", before, &[], [names("/a")]),
        Standing::Valid
    );
}

#[tokio::test]
async fn a_soft_one_makes_stale_and_a_hard_one_wins_over_it() {
    let all = empty();
    let before = all.now();
    invalidate(&all, &["/a"], true).await;
    assert_eq!(standing(&all, before, "/a"), Standing::Stale { since: NOW });
    invalidate(&all, &["/*"], false).await;
    assert_eq!(standing(&all, before, "/a"), Standing::Gone);
    let between = all.now();
    invalidate(&all, &["/*"], true).await;
    assert_eq!(standing(&all, before, "/a"), Standing::Gone);
    assert_eq!(
        standing(&all, between, "/a"),
        Standing::Stale { since: NOW }
    );
}

#[tokio::test]
async fn a_wider_one_takes_the_place_of_those_that_say_no_more() {
    let all = empty();
    invalidate(&all, &["/a/1", "/a/2", "/b", "#t"], false).await;
    assert_eq!(all.kept("main"), 4);
    invalidate(&all, &["/a/*"], true).await;
    assert_eq!(
        all.kept("main"),
        5,
        "a soft one does not say what a hard one says"
    );
    invalidate(&all, &["/a/*"], false).await;
    assert_eq!(all.kept("main"), 3);
    invalidate(&all, &["/*"], false).await;
    assert_eq!(all.kept("main"), 1);
    assert_eq!(standing(&all, Sequence(0), "/b"), Standing::Gone);
}

#[tokio::test]
async fn too_many_are_folded_into_one_and_nothing_escapes() {
    let all = empty();
    let before = all.now();
    let some =
        |from: usize| -> Vec<String> { (from..from + 2_500).map(|n| format!("/{n}")).collect() };
    let mut began = Vec::new();
    for from in (0..MAX_MARKS + 5_000).step_by(2_500) {
        let paths = some(from);
        invalidate(
            &all,
            &paths.iter().map(String::as_str).collect::<Vec<_>>(),
            false,
        )
        .await;
        began.push(all.now());
    }
    assert!(all.kept("main") <= MAX_MARKS, "{}", all.kept("main"));
    for n in [0, MAX_MARKS / 2, MAX_MARKS + 4_999] {
        assert_eq!(
            standing(&all, before, &format!("/{n}")),
            Standing::Gone,
            "{n}"
        );
    }
    assert_eq!(
        standing(&all, before, "/other"),
        Standing::Gone,
        "as old as what was folded"
    );
    let newest = began[began.len() - 2];
    assert_eq!(standing(&all, newest, "/0"), Standing::Valid);
}

#[tokio::test]
async fn a_restart_forgets_nothing_and_orders_go_on_rising() {
    let dir = tempfile::tempdir().unwrap();
    let (before, after) = {
        let store = store(Some(dir.path()));
        let all = Invalidations::open(store.state()).unwrap();
        let before = all.now();
        invalidate(&all, &["/a", "/b/*", "#t"], false).await;
        invalidate(&all, &["/s", "/gone"], true).await;
        invalidate(&all, &["/gone*"], false).await;
        for n in 0..1000 {
            all.outdated("main", &[names(&format!("/unsafe/{n}"))], all.now());
        }
        all.keep_outdated().await.unwrap();
        (before, all.now())
    };
    let store = store(Some(dir.path()));
    let all = Invalidations::open(store.state()).unwrap();
    assert_eq!(all.kept("main"), 5);
    for target in ["/a", "/b/c", "/gone"] {
        assert_eq!(standing(&all, before, target), Standing::Gone, "{target}");
        assert_eq!(standing(&all, after, target), Standing::Valid, "{target}");
    }
    assert_eq!(standing(&all, before, "/s"), Standing::Stale { since: NOW });
    let tags = ["t".to_owned()];
    assert_eq!(
        all.standing("main", before, &tags, [names("/x")]),
        Standing::Gone
    );
    for target in ["/unsafe/0", "/unsafe/999"] {
        assert_eq!(standing(&all, before, target), Standing::Gone, "{target}");
        assert_eq!(standing(&all, after, target), Standing::Valid, "{target}");
    }
    assert!(all.now() > after);
    invalidate(&all, &["/new"], false).await;
    assert_eq!(
        standing(&all, after, "/new"),
        Standing::Gone,
        "although it began after the last one of that run"
    );
}

#[tokio::test]
async fn what_cannot_be_read_of_earlier_runs_is_left_out() {
    let store = store(None);
    let state = store.state();
    {
        let all = Invalidations::open(state).unwrap();
        all.outdated("main", &[names("/a")], all.now());
        all.keep_outdated().await.unwrap();
    }
    for (key, value) in [(&b"xx"[..], &b""[..]), (b"", b"\0"), (b"\x01", b"\xff")] {
        state.blocking_put("outdated", key, value).unwrap();
    }
    let all = Invalidations::open(state).unwrap();
    assert_eq!(standing(&all, Sequence(0), "/a"), Standing::Gone);
}

#[tokio::test]
async fn where_an_invalidation_is_damaged_everything_before_that_start_is_out_of_date_and_stays_so()
{
    let dir = tempfile::tempdir().unwrap();
    let before = {
        let store = store(Some(dir.path()));
        let all = Invalidations::open(store.state()).unwrap();
        let before = all.now();
        invalidate(&all, &["/flip-this-one"], false).await;
        before
    };
    let path = dir.path().join("state.redb");
    let mut bytes = std::fs::read(&path).unwrap();
    for at in 0..bytes.len() - 14 {
        if bytes[at..].starts_with(b"/flip-this-one") {
            bytes[at + 8] ^= 1;
        }
    }
    std::fs::write(&path, bytes).unwrap();
    let mut later = None;
    for _ in 0..2 {
        let store = store(Some(dir.path()));
        let all = Invalidations::open(store.state()).unwrap();
        assert_eq!(standing(&all, before, "/another"), Standing::Gone);
        assert_eq!(standing(&all, all.now(), "/another"), Standing::Valid);
        let began = *later.get_or_insert(all.now());
        assert_eq!(standing(&all, began, "/another"), Standing::Valid, "once");
    }
}

#[tokio::test]
async fn requests_before_and_after_an_invalidation_do_not_share_a_fetch() {
    let all = empty();
    let first = all.since("main", names("/a"));
    invalidate(&all, &["/b"], false).await;
    assert_eq!(
        all.since("main", names("/a")),
        first,
        "it does not concern this path"
    );
    invalidate(&all, &["/a"], false).await;
    let second = all.since("main", names("/a"));
    assert!(second > first);
    invalidate(&all, &["#t"], false).await;
    let third = all.since("main", names("/a"));
    assert!(third > second, "the response may have the tag");
    all.outdated("main", &[names("/a")], all.now());
    assert!(all.since("main", names("/a")) > third);
}

#[test]
fn what_cannot_be_invalidated_by_is_refused_with_the_way_out() {
    for (path, words) in [
        ("images/*", "begin with '/'"),
        ("", "begin with '/'"),
        ("/a b", "Percent-encode"),
        ("/a#b", "Percent-encode"),
        ("/a\n", "Percent-encode"),
    ] {
        let error = Wanted::path(path).unwrap_err().to_string();
        assert!(error.contains(words), "{path:?}: {error}");
    }
    let long = format!("/{}", "a".repeat(4000));
    assert!(
        Wanted::path(&long)
            .unwrap_err()
            .to_string()
            .contains("at most 4000")
    );
    for tag in ["", "a b", "a,b", "\u{e9}"] {
        assert!(Wanted::tag(tag).is_err(), "{tag}");
    }
}
