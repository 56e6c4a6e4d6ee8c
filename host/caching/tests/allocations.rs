//! A hit reads numbers and flags: deciding it allocates nothing.

use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use selvedge_caching::{
    LookupRule, Overrides, Policy, Request, Response, Reuse, Time, current_age, may_look_up,
    may_reuse, may_store, select_variant,
};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// The system's allocator, counting what a thread asks of it.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: the caller keeps GlobalAlloc's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps GlobalAlloc's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.with(Cell::get);
    work();
    ALLOCATIONS.with(Cell::get) - before
}

#[test]
fn deciding_a_hit_allocates_nothing() {
    let mut asked = HeaderMap::new();
    asked.insert(
        "accept-encoding",
        HeaderValue::from_static("gzip, br;q=0.9"),
    );
    asked.insert("cookie", HeaderValue::from_static("a=1; b=2"));
    asked.insert(
        "cache-control",
        HeaderValue::from_static("max-age=600, min-fresh=5"),
    );
    let uri = Uri::from_static("http://www.example.test/");
    let request = Request {
        method: &Method::GET,
        fields: &asked,
        uri: &uri,
    };
    let mut fields = HeaderMap::new();
    fields.insert(
        "cache-control",
        HeaderValue::from_static("max-age=60, stale-if-error=60"),
    );
    fields.insert("etag", HeaderValue::from_static("\"a\""));
    let now = Time(1_000_000_000_000);
    let received = Response {
        status: StatusCode::OK,
        fields: &fields,
        request_time: now,
        response_time: now,
    };
    let honoured = Policy {
        honor_viewer_cache_control: true,
        ..Policy::default()
    };
    for policy in [Policy::default(), honoured] {
        let stored =
            may_store(&request, &received, &policy, &Overrides::default()).expect("it is stored");
        let variants = [stored];
        let counted = allocations(|| {
            assert_eq!(may_look_up(&request, &policy), LookupRule::Use);
            let selected = select_variant(request.fields, &variants).expect("it is selected");
            let reuse = may_reuse(&request, &variants[selected], &policy, now.plus_secs(10));
            assert_eq!(reuse, Reuse::Fresh { ttl: 50 });
            assert_eq!(current_age(&variants[selected], now.plus_secs(10)), 10);
        });
        assert_eq!(counted, 0);
    }
    assert_ne!(
        allocations(|| drop(Box::new(now))),
        0,
        "allocations are counted"
    );
}
