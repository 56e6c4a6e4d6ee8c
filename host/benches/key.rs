//! Cost of making a cache key: `cargo bench -p selvedge --bench key`

use std::sync::Arc;
use std::time::Instant;

use divan::{Bencher, black_box};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Version};
use selvedge::config::KeyPolicy;
use selvedge::pipeline::parts::key;
use selvedge_runtime::{RequestFacts, RequestId, Scheme};

fn main() {
    divan::main();
}

/// A request as a browser sends it.
fn request(query: Option<&str>) -> RequestFacts {
    let mut fields = HeaderMap::new();
    for (name, value) in [
        ("host", "www.example.test"),
        (
            "user-agent",
            "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        ),
        (
            "accept",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        ),
        ("accept-language", "en-GB,en;q=0.5"),
        ("accept-encoding", "gzip, deflate, br"),
        ("cookie", "session=0123456789abcdef; theme=dark; seen=1"),
    ] {
        fields.insert(
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        );
    }
    RequestFacts {
        method: Method::GET,
        scheme: Scheme::Http,
        host: "www.example.test".to_owned(),
        path: "/articles/2026/a-title-of-some-length".to_owned(),
        query: query.map(str::to_owned),
        fields,
        body: None,
        viewer: ([192, 0, 2, 1], 4711).into(),
        version: Version::HTTP_11,
        tls: None,
        geo: None,
        request_id: RequestId(1),
        distribution: Arc::from("main"),
        edge: Arc::from("edge"),
        received: Instant::now(),
        origin: None,
        cache_status: None,
        cache_age: None,
        cache_key: None,
    }
}

#[divan::bench]
fn of_the_path(bencher: Bencher<'_, '_>) {
    let (policy, request) = (KeyPolicy::default(), request(None));
    bencher.bench_local(|| key(black_box(&policy), black_box(&request)));
}

#[divan::bench]
fn of_the_path_and_the_query(bencher: Bencher<'_, '_>) {
    let policy = KeyPolicy::default();
    let request = request(Some("page=2&sort=newest&utm_source=newsletter"));
    bencher.bench_local(|| key(black_box(&policy), black_box(&request)));
}

#[divan::bench]
fn with_three_fields(bencher: Bencher<'_, '_>) {
    let policy = KeyPolicy {
        fields: ["accept", "accept-language", "user-agent"]
            .map(HeaderName::from_static)
            .to_vec(),
        ..KeyPolicy::default()
    };
    let request = request(None);
    bencher.bench_local(|| key(black_box(&policy), black_box(&request)));
}
