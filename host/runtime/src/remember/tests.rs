use std::sync::Arc;
use std::time::Instant;

use http::{HeaderMap, Method};

use super::*;
use crate::facts::Scheme;

fn request(path: &str) -> RequestFacts {
    RequestFacts {
        method: Method::GET,
        scheme: Scheme::Http,
        host: "a.test".into(),
        path: path.into(),
        query: None,
        fields: HeaderMap::new(),
        body: None,
        viewer: ([192, 0, 2, 1], 1).into(),
        version: http::Version::HTTP_11,
        tls: None,
        geo: None,
        request_id: crate::facts::RequestId(1),
        distribution: "d".into(),
        edge: "e".into(),
        received: Instant::now(),
        origin: None,
        cache_status: None,
        cache_age: None,
        cache_key: None,
    }
}

fn memory(budget: usize) -> (Memory<u32>, Arc<Budget>) {
    let budget = Arc::new(Budget::new(budget));
    (Memory::new(budget.clone()), budget)
}

fn left(budget: &Budget) -> usize {
    budget.left.load(Relaxed)
}

#[test]
fn a_decision_is_found_by_what_was_read_and_by_nothing_else() {
    let (memory, _) = memory(1 << 20);
    memory.keep(&request("/a"), &[Read::Path], &1, 4);
    let other = RequestFacts {
        host: "b.test".into(),
        ..request("/a")
    };
    assert_eq!(memory.recall(&other).map(|found| *found.decision), Some(1));
    assert_eq!(memory.recall(&request("/b")), None);
}

#[test]
fn what_is_not_of_the_request_is_not_kept() {
    let (memory, budget) = memory(1 << 20);
    for read in [Read::Clock, Read::Random, Read::Log, Read::RequestId] {
        memory.keep(&request("/a"), &[Read::Path, read], &1, 4);
    }
    assert_eq!(memory.recall(&request("/a")), None);
    assert_eq!(left(&budget), 1 << 20);
}

#[test]
fn the_budget_is_never_exceeded_and_comes_back() {
    const BUDGET: usize = 200_000;
    let (memory, budget) = memory(BUDGET);
    for number in 0..5000 {
        let request = request(&format!("/{number}/{}", "x".repeat(number % 300)));
        memory.keep(&request, &[Read::Host, Read::Path], &1, 100);
        let taken = memory.tree.read().bytes();
        assert_eq!(left(&budget) + taken, BUDGET, "turn {number}");
    }
    assert!(left(&budget) < 2000, "it is used up");
    drop(memory);
    assert_eq!(left(&budget), BUDGET);
}

#[test]
fn a_full_memory_begins_anew() {
    let (memory, _) = memory(64 << 20);
    let path = |number: usize| format!("/{number}/{}", "x".repeat(8000));
    for number in 0..1500 {
        memory.keep(&request(&path(number)), &[Read::Path], &1, 0);
        assert!(memory.tree.read().bytes() <= MAX_TREE);
    }
    assert!(memory.recall(&request(&path(1499))).is_some());
    assert!(memory.recall(&request(&path(0))).is_none());
}

#[test]
fn a_decision_on_long_grounds_is_not_kept() {
    let (memory, budget) = memory(1 << 20);
    memory.keep(&request(&"x".repeat(20_000)), &[Read::Path], &1, 4);
    assert_eq!(left(&budget), 1 << 20);
}

#[test]
fn what_rarely_hits_rests_and_is_tried_again() {
    let (memory, budget) = memory(64 << 20);
    let once = |number: u32| {
        let request = request(&format!("/{number}"));
        let found = memory.recall(&request).is_some();
        memory.keep(&request, &[Read::Path], &1, 4);
        found
    };
    for number in 0..PERIOD {
        assert!(!once(number));
    }
    assert_eq!(left(&budget), 64 << 20, "what was kept is let go");
    for _ in 0..REST {
        assert!(!once(0));
    }
    assert!(once(0), "the last one before was kept again");
}

#[test]
fn what_hits_often_is_never_off() {
    let (memory, _) = memory(64 << 20);
    memory.keep(&request("/a"), &[Read::Path], &1, 4);
    for _ in 0..3 * PERIOD {
        assert!(memory.recall(&request("/a")).is_some());
    }
}

#[test]
fn a_plugin_that_contradicts_itself_is_not_remembered() {
    let (memory, _) = memory(1 << 20);
    memory.keep(&request("/a"), &[Read::Path], &1, 4);
    memory.keep(&request("/a"), &[Read::Path], &1, 4);
    assert!(memory.recall(&request("/a")).is_some());
    memory.keep(&request("/a"), &[Read::Path], &2, 4);
    assert!(memory.recall(&request("/a")).is_none());

    let (memory, _) = super::tests::memory(1 << 20);
    memory.keep(&request("/a"), &[Read::Path], &1, 4);
    memory.keep(&request("/b"), &[Read::Host], &1, 4);
    assert!(memory.recall(&request("/a")).is_none());
}
