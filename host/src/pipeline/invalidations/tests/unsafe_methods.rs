//! Invalidations by unsafe methods: bounded, and never forgotten.

use super::*;

#[tokio::test]
async fn unsafe_methods_make_out_of_date_what_began_before_their_answer() {
    let all = empty();
    let before = all.now();
    let answer = all.outdated("main", &[names("/a"), names("/b?c=1")], before);
    for target in ["/a", "/b?c=1"] {
        assert_eq!(standing(&all, before, target), Standing::Gone, "{target}");
    }
    assert_eq!(standing(&all, before, "/b"), Standing::Valid);
    assert_eq!(
        all.standing("other", before, &[], [names("/a")]),
        Standing::Valid
    );
    assert_eq!(
        standing(&all, answer, "/a"),
        Standing::Valid,
        "the answer itself may be stored"
    );
    assert_eq!(all.kept("main"), 0, "it is not durable");
}

#[tokio::test]
async fn an_answer_that_was_invalidated_on_its_way_stays_so() {
    let all = empty();
    let before = all.now();
    invalidate(&all, &["/a"], false).await;
    let answer = all.outdated("main", &[names("/a")], before);
    assert_eq!(standing(&all, answer, "/a"), Standing::Gone);
}

#[test]
fn what_unsafe_methods_leave_is_bounded_and_never_forgotten() {
    const MAX_MARKS: usize = 65_536;
    let mut recent = Recent::new([1; 32]);
    for n in 1..=200_000_u64 {
        recent.add("main", &format!("/{n}"), Sequence(n));
        recent.add("main", "/again", Sequence(n));
    }
    let kept = recent.take_changed();
    let bytes: usize = kept.iter().map(|(_, shard)| shard.len()).sum();
    assert!(recent.len() <= MAX_MARKS, "{}", recent.len());
    assert!(bytes <= (2 * MAX_MARKS + 256) * 16, "{bytes}");
    assert!(recent.take_changed().is_empty());
    let mut again = Recent::new([1; 32]);
    for (number, shard) in &kept {
        assert!(again.load(*number, shard));
        assert!(!again.load(*number, &shard[1..]));
    }
    for recent in [recent, again] {
        assert_eq!(recent.newest(), Sequence(200_000));
        assert_eq!(
            recent.of_path("main", "/200000").newest(),
            Sequence(200_000)
        );
        assert_eq!(recent.of_path("main", "/again").newest(), Sequence(200_000));
        for n in 1..=200_000 {
            let known = recent.of_path("main", &format!("/{n}")).newest();
            assert!(known >= Sequence(n), "/{n} {known:?}");
        }
    }
}

#[test]
fn a_few_unsafe_requests_concern_their_own_uris_only() {
    let mut recent = Recent::new([1; 32]);
    for n in 1..=1000 {
        recent.add("main", &format!("/{n}"), Sequence(n));
    }
    for n in 1001..20_000 {
        let known = recent.of_path("main", &format!("/{n}"));
        assert_eq!(known.newest(), Sequence(0), "/{n}");
    }
    assert_eq!(recent.of_path("other", "/1").newest(), Sequence(0));
}
