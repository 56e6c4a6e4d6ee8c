//! The cost of deciding whether a stored response may be used: `cargo bench -p selvedge-caching`

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use selvedge_caching::{
    LifetimeSource, Nominated, Policy, Request, Stored, StoredBody, StoredDirectives, Time,
    may_reuse, select_variant,
};

fn main() {
    divan::main();
}

/// Stored at 2 s on the clock, fresh for a minute.
fn stored(language: Option<&str>) -> Stored {
    let mut fields = HeaderMap::new();
    fields.insert("content-type", HeaderValue::from_static("text/html"));
    fields.insert("etag", HeaderValue::from_static("\"one\""));
    fields.insert("cache-control", HeaderValue::from_static("max-age=60"));
    let vary = language.map(|language| Nominated {
        name: HeaderName::from_static("accept-language"),
        value: Some(language.as_bytes().into()),
    });
    Stored {
        status: StatusCode::OK,
        fields,
        trailers: None,
        request_time: Time(1_000),
        response_time: Time(2_000),
        date: Time(2_000),
        initial_age_ms: 0,
        lifetime: 60,
        lifetime_source: LifetimeSource::MaxAge,
        stale_while_revalidate: Some(30),
        stale_if_error: None,
        directives: StoredDirectives::default(),
        vary: vary.into_iter().collect(),
        tags: Vec::new(),
        body: StoredBody::Complete { length: None },
        invalidated_softly: false,
    }
}

/// The fields that a viewer sends.
fn fields(cache_control: Option<&'static str>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    fields.insert("host", HeaderValue::from_static("www.example.test"));
    fields.insert("accept", HeaderValue::from_static("*/*"));
    fields.insert("accept-language", HeaderValue::from_static("en"));
    if let Some(value) = cache_control {
        fields.insert("cache-control", HeaderValue::from_static(value));
    }
    fields
}

fn reuse(
    bencher: Bencher<'_, '_>,
    policy: &Policy,
    cache_control: Option<&'static str>,
    now: Time,
) {
    let (stored, fields) = (stored(None), fields(cache_control));
    let uri = Uri::from_static("http://www.example.test/a");
    let request = Request {
        method: &Method::GET,
        fields: &fields,
        uri: &uri,
    };
    bencher.bench_local(|| {
        may_reuse(
            black_box(&request),
            black_box(&stored),
            black_box(policy),
            black_box(now),
        )
    });
}

#[divan::bench]
fn fresh(bencher: Bencher<'_, '_>) {
    reuse(bencher, &Policy::default(), None, Time(10_000));
}

#[divan::bench]
fn stale_while_revalidate(bencher: Bencher<'_, '_>) {
    reuse(bencher, &Policy::default(), None, Time(70_000));
}

#[divan::bench]
fn fresh_where_the_viewers_directives_count(bencher: Bencher<'_, '_>) {
    let policy = Policy {
        honor_viewer_cache_control: true,
        ..Policy::default()
    };
    reuse(
        bencher,
        &policy,
        Some("max-age=30, min-fresh=5"),
        Time(10_000),
    );
}

#[divan::bench(args = [1, 8, 64])]
fn the_right_one_of_so_many_variants(bencher: Bencher<'_, '_>, count: usize) {
    let others = (1..count).map(|n| stored(Some(&format!("x{n}"))));
    let variants: Vec<Stored> = others.chain([stored(Some("en"))]).collect();
    let (fields, uri) = (fields(None), Uri::from_static("http://www.example.test/a"));
    let request = Request {
        method: &Method::GET,
        fields: &fields,
        uri: &uri,
    };
    bencher.bench_local(|| select_variant(black_box(request.fields), black_box(&variants)));
}
