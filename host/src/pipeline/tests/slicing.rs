//! Large objects in slices (`range_slices`).

use crate::pipeline::testing::{Answer, Host, Origin, get};
use http::Method;

const SLICE: usize = 1 << 20;

fn content() -> String {
    let mut content: String = (0..).map(|n| format!("{n:07}\n")).take(400_000).collect();
    content.truncate(3 * SLICE - 100);
    content
}

/// An origin that serves ranges, and its content.
fn serving() -> (Origin, String) {
    let (origin, content) = (Origin::new(), content());
    let whole = content.clone();
    origin.on("/a").runs(move |seen| {
        let asked = seen.field("range").strip_prefix("bytes=");
        let answer = match asked.and_then(|range| range.split_once('-')) {
            Some((first, last)) => {
                let first: usize = first.parse().expect("a number");
                if first >= whole.len() {
                    let said = format!("bytes */{}", whole.len());
                    return Answer::new(416, "").field("Content-Range", &said);
                }
                let last = last.parse().unwrap_or(usize::MAX).min(whole.len() - 1);
                Answer::part(&whole, first, last)
            }
            None => Answer::ok(&whole),
        };
        answer.max_age(600).field("ETag", "\"1\"")
    });
    (origin, content)
}

fn host(origin: &Origin) -> Host {
    Host::before(origin)
        .behavior("range_slices = \"1 MiB\"")
        .start()
}

#[tokio::test]
async fn a_range_costs_the_slices_that_it_lies_in() {
    let (origin, content) = serving();
    let host = host(&origin);
    let ask = || get("/a").field("Range", &format!("bytes={}-{}", SLICE + 5, SLICE + 9));
    let part = host.ask(ask()).await;
    part.expect(206).body(&content[SLICE + 5..SLICE + 10]);
    part.has(
        "content-range",
        &format!("bytes {}-{}/{}", SLICE + 5, SLICE + 9, content.len()),
    );
    host.idle().await;
    let seen = origin.requests("/a");
    assert_eq!(seen.len(), 1);
    assert_eq!(
        seen[0].field("range"),
        format!("bytes={SLICE}-{}", 2 * SLICE - 1)
    );
    host.ask(ask()).await.expect(206).cache("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn the_whole_is_put_together_from_slices() {
    let (origin, content) = serving();
    let host = host(&origin);
    host.get("/a").await.expect(200).body(&content);
    host.idle().await;
    assert_eq!(origin.requests("/a").len(), 3);
    let hit = host.get("/a").await;
    hit.expect(200)
        .body(&content)
        .cache("hit")
        .cache("detail=slices");
    let head = host.ask(get("/a").method(&Method::HEAD)).await;
    head.expect(200)
        .has("content-length", &content.len().to_string());
    assert_eq!(origin.requests("/a").len(), 3);
}

#[tokio::test]
async fn a_range_over_a_border_is_whole() {
    let (origin, content) = serving();
    let host = host(&origin);
    let range = format!("bytes={}-{}", SLICE - 3, 2 * SLICE + 3);
    let part = host.ask(get("/a").field("Range", &range)).await;
    part.expect(206).body(&content[SLICE - 3..2 * SLICE + 4]);
    assert_eq!(host.last_line().sent, SLICE as u64 + 7);
}

#[tokio::test]
async fn a_range_beyond_the_end_is_a_416() {
    let (origin, content) = serving();
    let host = host(&origin);
    let beyond = host.ask(get("/a").field("Range", "bytes=9000000-")).await;
    beyond.expect(416);
    beyond.has("content-range", &format!("bytes */{}", content.len()));
}

#[tokio::test]
async fn an_origin_without_ranges_is_asked_for_the_whole() {
    let origin = Origin::new();
    let host = host(&origin);
    let content = content();
    origin
        .on("/a")
        .answers(Answer::ok(&content).max_age(600).field("ETag", "\"1\""));
    let part = host.ask(get("/a").field("Range", "bytes=10-19")).await;
    part.expect(206).body(&content[10..20]);
    host.idle().await;
    host.get("/a").await.expect(200).body(&content).cache("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn an_error_for_a_slice_is_the_answer() {
    let origin = Origin::new();
    let host = host(&origin);
    origin.on("/a").answers(Answer::new(404, "gone"));
    host.get("/a").await.expect(404).body("gone");
}
