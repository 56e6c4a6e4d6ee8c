//! A stored part gets what it lacks (RFC 9111, sections 3.3 and 3.4).

use crate::pipeline::testing::{Answer, Host, Origin, get};

const CONTENT: &str = "0123456789abcdefghij";

fn range_of(asked: &str) -> Option<(usize, usize)> {
    let (first, last) = asked.strip_prefix("bytes=")?.split_once('-')?;
    let last = last.parse().unwrap_or(CONTENT.len() - 1);
    Some((first.parse().ok()?, last))
}

/// An origin that serves ranges of one version.
fn serving(tag: &'static str) -> Origin {
    let origin = Origin::new();
    origin.on("/a").runs(move |seen| {
        let is_same = matches!(seen.field("if-range"), "" | "\"1\"") && tag == "\"1\""
            || seen.field("if-range").is_empty();
        let answer = match range_of(seen.field("range")) {
            Some((first, last)) if is_same => Answer::part(CONTENT, first, last),
            _ => Answer::ok(CONTENT),
        };
        answer.max_age(600).field("ETag", tag)
    });
    origin
}

#[tokio::test]
async fn the_rest_of_a_stored_part_is_fetched_and_both_are_one() {
    let origin = serving("\"1\"");
    let host = Host::before(&origin).start();
    let part = host.ask(get("/a").field("Range", "bytes=0-9")).await;
    part.expect(206).body("0123456789");
    host.idle().await;
    host.get("/a").await.expect(200).body(CONTENT);
    host.idle().await;
    let seen = origin.requests("/a");
    assert_eq!(seen.len(), 2);
    assert_eq!(seen[1].field("range"), "bytes=10-19");
    assert_eq!(seen[1].field("if-range"), "\"1\"");
    host.get("/a").await.expect(200).body(CONTENT).cache("hit");
    let within = host.ask(get("/a").field("Range", "bytes=8-11")).await;
    within.expect(206).body("89ab").cache("hit");
}

#[tokio::test]
async fn a_stored_part_answers_what_lies_within_it() {
    let origin = serving("\"1\"");
    let host = Host::before(&origin).start();
    host.ask(get("/a").field("Range", "bytes=5-14"))
        .await
        .expect(206);
    host.idle().await;
    let within = host.ask(get("/a").field("Range", "bytes=6-7")).await;
    within.expect(206).body("67").cache("hit");
    within.has("content-range", "bytes 6-7/20");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn a_changed_whole_takes_the_place_of_the_part() {
    let origin = serving("\"1\"");
    let host = Host::before(&origin).start();
    host.ask(get("/a").field("Range", "bytes=0-9"))
        .await
        .expect(206);
    host.idle().await;
    let new = "entirely new";
    origin
        .on("/a")
        .answers(Answer::ok(new).max_age(600).field("ETag", "\"2\""));
    host.get("/a").await.expect(200).body(new);
    host.idle().await;
    host.get("/a").await.expect(200).body(new).cache("hit");
}

#[tokio::test]
async fn parts_of_different_versions_are_never_joined() {
    let origin = serving("\"1\"");
    let host = Host::before(&origin).start();
    host.ask(get("/a").field("Range", "bytes=0-9"))
        .await
        .expect(206);
    host.idle().await;
    // An origin that ignores If-Range.
    let other = "ABCDEFGHIJKLMNOPQRST";
    origin
        .on("/a")
        .runs(move |seen| match range_of(seen.field("range")) {
            Some((first, last)) => Answer::part(other, first, last).field("ETag", "\"2\""),
            None => Answer::ok(other).max_age(600).field("ETag", "\"2\""),
        });
    host.get("/a").await.expect(200).body(other);
}

#[tokio::test]
async fn a_rest_that_breaks_off_is_not_stored() {
    let origin = serving("\"1\"");
    let host = Host::before(&origin).start();
    host.ask(get("/a").field("Range", "bytes=0-9"))
        .await
        .expect(206);
    host.idle().await;
    origin.on("/a").answers(
        Answer::new(206, "abc")
            .break_off()
            .field("Content-Range", "bytes 10-13/20")
            .field("ETag", "\"1\"")
            .max_age(600),
    );
    let broken = host.get("/a").await;
    assert_ne!(String::from_utf8_lossy(&broken.content), CONTENT);
    host.idle().await;
    let part = host.ask(get("/a").field("Range", "bytes=0-9")).await;
    part.expect(206).body("0123456789").cache("hit");
}
