//! Bodies on their way: framing, ends, and what is said of them afterwards.

use crate::pipeline::testing::{Answer, Gate, Host, Origin, get};
use http::Method;
use http_body_util::BodyExt;

#[tokio::test]
async fn every_framing_of_an_origin_brings_the_same_bytes() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let answer = || Answer::ok("some ").then("content").max_age(60);
    origin.on("/length").answers(answer());
    origin.on("/chunked").answers(answer().chunked());
    origin.on("/closed").answers(answer().closing());
    for path in ["/length", "/chunked", "/closed"] {
        host.get(path).await.expect(200).body("some content");
        host.idle().await;
        let hit = host.get(path).await;
        hit.expect(200).body("some content").cache("hit");
        hit.has("content-length", "12");
    }
}

#[tokio::test]
async fn content_that_breaks_off_is_not_stored() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let broken = Answer::ok("some").max_age(60).break_off();
    let whole = Answer::ok("some content").max_age(60);
    origin.on("/a").answers_in_turn([broken, whole]);
    host.get("/a").await.expect(200).broken_after("some");
    assert!(host.last_line().aborted);
    host.idle().await;
    host.get("/a")
        .await
        .expect(200)
        .body("some content")
        .cache("fwd=uri-miss");
    assert!(!host.last_line().aborted);
    assert_eq!(host.last_line().sent, 12);
}

#[tokio::test]
async fn trailers_come_after_the_content_and_are_stored_with_it() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::raw(
        "HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nTransfer-Encoding: chunked\r\nTrailer: Digest-Of\r\n\r\n\
         4\r\nsome\r\n0\r\nDigest-Of: some\r\n\r\n",
    ));
    for cache in ["fwd=uri-miss", "hit"] {
        let response = host.get("/a").await;
        response.expect(200).body("some").cache(cache);
        let trailers = response.trailers.as_ref().expect("a trailer section");
        assert_eq!(trailers["digest-of"], "some");
        host.idle().await;
    }
}

#[tokio::test]
async fn what_nobody_reads_and_nobody_may_store_is_stopped() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Host::before(&origin).start();
    let answer = Answer::ok("first").wait(&gate).then("never read");
    origin
        .on("/a")
        .answers(answer.field("Cache-Control", "no-store"));
    let mut response = host.begin(get("/a")).await;
    let frame = response.body_mut().frame().await.expect("a piece");
    assert!(frame.expect("no error").is_data());
    drop(response);
    host.idle().await;
    assert!(host.last_line().aborted);
    assert_eq!(host.last_line().sent, 5);
}

#[tokio::test]
async fn statuses_without_content_have_none() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/204").answers(Answer::new(204, "").max_age(60));
    origin.on("/empty").answers(Answer::ok("").max_age(60));
    for cache in ["fwd=uri-miss", "hit"] {
        host.get("/204").await.expect(204).body("").cache(cache);
        let empty = host.get("/empty").await;
        empty.expect(200).body("").cache(cache);
        host.idle().await;
    }
    host.get("/204").await.lacks("content-length");
    host.get("/empty").await.has("content-length", "0");
}

#[tokio::test]
async fn a_response_says_who_sent_it_and_what_the_cache_did() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("a").max_age(60).field("Via", "1.1 inner"));
    let miss = host.get("/a").await;
    miss.has("x-cache", "Miss from selvedge").lacks("age");
    let via: Vec<_> = miss.fields.get_all("via").iter().collect();
    assert_eq!(via, ["1.1 inner", "1.1 edge.test (Selvedge)"]);
    host.get("/a")
        .await
        .has("x-cache", "Hit from selvedge")
        .age(0);
    let error = host.get("/missing").await;
    error.expect(404).has("x-cache", "Error from selvedge");
    let head = host.ask(get("/a").method(&Method::HEAD)).await;
    head.has("x-cache", "Hit from selvedge")
        .has("content-length", "1");
}

#[tokio::test]
async fn content_of_over_a_megabyte_is_whole_from_the_origin_and_from_disk() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let content: String = (0..300_000).map(|n| format!("{n:06} ")).collect();
    origin.on("/a").answers(Answer::ok(&content).max_age(60));
    host.get("/a").await.expect(200).body(&content);
    host.idle().await;
    host.get("/a").await.body(&content).cache("hit");
    let range = format!("bytes={}-{}", content.len() - 7, content.len() - 1);
    let end = host.ask(get("/a").field("Range", &range)).await;
    end.expect(206).body("299999 ");
    assert_eq!(origin.requests("/a").len(), 1);
}
