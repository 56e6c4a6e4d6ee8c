//! Preconditions and ranges, answered from what is stored (RFC 9110, sections 13 and 14).

use crate::pipeline::testing::{Answer, Host, Origin, get};
use http::Method;

const CONTENT: &str = "0123456789abcdefghij";

/// A host that has `/a` stored, and the origin.
async fn stored() -> (Host, Origin) {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let answer = Answer::ok(CONTENT)
        .max_age(600)
        .field("ETag", "\"v1\"")
        .field("Content-Type", "text/plain")
        .field("Last-Modified", "Sun, 01 Nov 2026 10:00:00 GMT");
    origin.on("/a").answers(answer);
    host.get("/a").await.expect(200).body(CONTENT);
    host.idle().await;
    (host, origin)
}

#[tokio::test]
async fn a_range_is_a_206_of_those_bytes() {
    let (host, origin) = stored().await;
    for (range, bytes, said) in [
        ("bytes=0-0", "0", "bytes 0-0/20"),
        ("bytes=5-9", "56789", "bytes 5-9/20"),
        ("bytes=18-", "ij", "bytes 18-19/20"),
        ("bytes=-3", "hij", "bytes 17-19/20"),
        ("bytes=-100", CONTENT, "bytes 0-19/20"),
        ("bytes=15-100", "fghij", "bytes 15-19/20"),
    ] {
        let part = host.ask(get("/a").field("Range", range)).await;
        part.expect(206).body(bytes).cache("hit");
        part.has("content-range", said);
        part.has("content-length", &bytes.len().to_string());
        assert_eq!(host.last_line().sent, bytes.len() as u64, "{range}");
    }
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn ranges_that_mean_nothing_get_the_whole() {
    let (host, _) = stored().await;
    for range in ["bytes=", "bytes=x-y", "bytes=9-5", "lines=1-2", "bytes 1-2"] {
        let whole = host.ask(get("/a").field("Range", range)).await;
        whole.expect(200).body(CONTENT).lacks("content-range");
    }
}

#[tokio::test]
async fn a_range_beyond_the_end_is_a_416() {
    let (host, _) = stored().await;
    for range in ["bytes=20-", "bytes=100-200", "bytes=-0"] {
        let refused = host.ask(get("/a").field("Range", range)).await;
        refused.expect(416).has("content-range", "bytes */20");
        refused.cache("hit");
    }
}

#[tokio::test]
async fn several_ranges_are_parts_of_one_response() {
    let (host, _) = stored().await;
    let parts = host.ask(get("/a").field("Range", "bytes=0-1,18-19")).await;
    parts.expect(206).cache("hit");
    let kind = parts.field("content-type");
    let boundary = kind
        .strip_prefix("multipart/byteranges; boundary=")
        .unwrap_or_else(|| panic!("{kind}"));
    let text = String::from_utf8(parts.content.clone()).expect("text");
    assert_eq!(text.matches(&format!("--{boundary}\r\n")).count(), 2);
    assert!(
        text.contains("Content-Range: bytes 0-1/20\r\n\r\n01\r\n")
            || text.contains("content-range: bytes 0-1/20\r\n\r\n01\r\n"),
        "{text}"
    );
    parts.has("content-length", &parts.content.len().to_string());
}

#[tokio::test]
async fn if_range_asks_for_a_part_of_this_version_only() {
    let (host, _) = stored().await;
    let ask = |tag: &str| get("/a").field("Range", "bytes=0-1").field("If-Range", tag);
    host.ask(ask("\"v1\"")).await.expect(206).body("01");
    host.ask(ask("\"v0\"")).await.expect(200).body(CONTENT);
    host.ask(ask("W/\"v1\"")).await.expect(200).body(CONTENT);
}

#[tokio::test]
async fn a_viewer_that_has_this_version_gets_a_304() {
    let (host, origin) = stored().await;
    for (name, value) in [
        ("If-None-Match", "\"v1\""),
        ("If-None-Match", "\"v0\", W/\"v1\""),
        ("If-None-Match", "*"),
        ("If-Modified-Since", "Sun, 01 Nov 2026 10:00:00 GMT"),
    ] {
        for method in [Method::GET, Method::HEAD] {
            let same = host.ask(get("/a").method(&method).field(name, value)).await;
            same.expect(304).body("").has("etag", "\"v1\"");
            same.lacks("content-length").cache("hit");
        }
    }
    let changed = get("/a").field("If-None-Match", "\"v0\"");
    host.ask(changed).await.expect(200).body(CONTENT);
    // If-None-Match outranks the date.
    let both = get("/a")
        .field("If-None-Match", "\"v0\"")
        .field("If-Modified-Since", "Sun, 01 Nov 2026 10:00:00 GMT");
    host.ask(both).await.expect(200);
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn head_says_what_get_would_and_ignores_ranges() {
    let (host, _) = stored().await;
    let head = get("/a").method(&Method::HEAD).field("Range", "bytes=0-1");
    let head = host.ask(head).await;
    head.expect(200).body("").has("content-length", "20");
}

#[tokio::test]
async fn conditions_are_met_on_what_has_just_come() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let private = Answer::ok("mine")
        .field("Cache-Control", "private")
        .field("ETag", "\"p\"");
    origin.on("/a").answers(private);
    let asked = get("/a").field("If-None-Match", "\"p\"");
    host.ask(asked).await.expect(304).body("");
    assert_eq!(
        origin.requests("/a")[0].field("if-none-match"),
        "",
        "they stay here"
    );
}

#[tokio::test]
async fn a_range_of_content_that_arrives_is_served_from_it() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").runs(|seen| {
        assert_eq!(seen.field("range"), "bytes=2-3");
        Answer::ok(CONTENT).max_age(60)
    });
    let part = host.ask(get("/a").field("Range", "bytes=2-3")).await;
    part.expect(206)
        .body("23")
        .has("content-range", "bytes 2-3/20");
    host.idle().await;
    host.get("/a").await.expect(200).body(CONTENT).cache("hit");
}
