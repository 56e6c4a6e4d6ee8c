//! Stored responses and their use (RFC 9111, section 4).

use crate::pipeline::insight::{self, Invalidate};
use crate::pipeline::testing::{Answer, Host, Origin, get};
use http::Method;

#[tokio::test]
async fn a_miss_looks_its_key_up_three_times() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::ok("one").max_age(60));
    let before = host.edge().look_ups();
    host.get("/a").await.expect(200).cache("fwd=uri-miss");
    host.idle().await;
    // When it comes, when it may fetch, and when it is stored.
    assert_eq!(host.edge().look_ups() - before, 3);
    let before = host.edge().look_ups();
    host.get("/a").await.expect(200).cache("hit");
    assert_eq!(host.edge().look_ups() - before, 1);
}

#[tokio::test]
async fn variants_are_told_apart_by_what_vary_names() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").runs(|seen| {
        let language = seen.field("accept-language").to_owned();
        Answer::ok(&language)
            .max_age(60)
            .field("Vary", "Accept-Language")
    });
    let ask = |language: &str| get("/a").field("Accept-Language", language);
    host.ask(ask("de")).await.body("de").cache("fwd=uri-miss");
    host.idle().await;
    host.ask(ask("en")).await.body("en").cache("fwd=vary-miss");
    host.idle().await;
    host.ask(ask("de")).await.body("de").cache("hit");
    host.ask(ask("en")).await.body("en").cache("hit");
    assert_eq!(origin.requests("/a").len(), 2);
}

#[tokio::test]
async fn vary_on_everything_is_never_used_again() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("a").max_age(60).field("Vary", "*"));
    for asked in 1..=2 {
        host.get("/a").await.expect(200);
        host.idle().await;
        assert_eq!(origin.requests("/a").len(), asked);
    }
}

#[tokio::test]
async fn a_304_makes_a_stale_response_fresh() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .runs(|seen| match seen.field("if-none-match") {
            "\"1\"" => Answer::not_modified()
                .max_age(60)
                .field("ETag", "\"1\"")
                .field("X-New", "yes"),
            _ => Answer::ok("one").max_age(60).field("ETag", "\"1\""),
        });
    host.get("/a").await.expect(200);
    host.idle().await;
    host.advance(61);
    let confirmed = host.get("/a").await;
    confirmed.expect(200).body("one").has("x-new", "yes");
    confirmed.cache("fwd-status=304").cache("stored");
    confirmed.has("x-cache", "RefreshHit from selvedge");
    host.get("/a").await.body("one").cache("hit").age(0);
    assert_eq!(origin.requests("/a").len(), 2);
}

#[tokio::test]
async fn a_304_about_something_else_is_asked_again_without_conditions() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .runs(|seen| match seen.field("if-none-match") {
            "" => Answer::ok("one").max_age(60).field("ETag", "\"1\""),
            _ => Answer::not_modified().max_age(60).field("ETag", "\"2\""),
        });
    host.get("/a").await.expect(200);
    host.idle().await;
    host.advance(61);
    host.get("/a")
        .await
        .expect(200)
        .body("one")
        .cache("fwd=stale");
    assert_eq!(origin.requests("/a").len(), 3);
}

#[tokio::test]
async fn a_head_that_says_otherwise_makes_the_stored_get_stale() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers_in_turn([
        Answer::ok("old").max_age(10).field("ETag", "\"1\""),
        Answer::ok("newer").max_age(10).field("ETag", "\"2\""),
    ]);
    host.get("/a").await.expect(200).body("old");
    host.idle().await;
    host.advance(11);
    let head = host.ask(get("/a").method(&Method::HEAD)).await;
    head.expect(200).has("etag", "\"2\"");
    host.idle().await;
    host.get("/a")
        .await
        .expect(200)
        .body("newer")
        .cache("fwd=stale");
}

#[tokio::test]
async fn an_invalidated_response_is_not_used_and_says_so() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .answers_in_turn([Answer::ok("one").max_age(60), Answer::ok("two").max_age(60)]);
    host.get("/a").await.body("one");
    host.idle().await;
    let asked = Invalidate {
        distribution: "shop".to_owned(),
        paths: vec!["/a".to_owned()],
        tags: Vec::new(),
        soft: false,
        dry_run: false,
    };
    insight::invalidate(host.edge(), &asked)
        .await
        .expect("it is done");
    let miss = host.get("/a").await;
    miss.body("two")
        .cache("fwd=uri-miss")
        .cache("detail=invalidated");
    host.idle().await;
    host.get("/a").await.body("two").cache("hit");
}

#[tokio::test]
async fn a_softly_invalidated_response_is_validated() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .runs(|seen| match seen.field("if-none-match") {
            "" => Answer::ok("one").max_age(60).field("ETag", "\"1\""),
            _ => Answer::not_modified().max_age(60).field("ETag", "\"1\""),
        });
    host.get("/a").await.body("one");
    host.idle().await;
    let asked = Invalidate {
        distribution: "shop".to_owned(),
        paths: vec!["/*".to_owned()],
        tags: Vec::new(),
        soft: true,
        dry_run: false,
    };
    insight::invalidate(host.edge(), &asked)
        .await
        .expect("it is done");
    host.get("/a").await.body("one").cache("fwd-status=304");
}

#[tokio::test]
async fn only_if_cached_is_a_504_where_nothing_is_stored() {
    let origin = Origin::new();
    let host = Host::before(&origin)
        .cache("honor_viewer_cache_control = true")
        .start();
    origin.on("/a").answers(Answer::ok("one").max_age(60));
    let only = || get("/a").field("Cache-Control", "only-if-cached");
    host.ask(only())
        .await
        .expect(504)
        .cache("detail=only-if-cached");
    host.get("/a").await.expect(200);
    host.idle().await;
    host.ask(only()).await.expect(200).cache("hit");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn a_viewers_no_store_passes_where_it_counts() {
    let origin = Origin::new();
    let host = Host::before(&origin)
        .cache("honor_viewer_cache_control = true")
        .start();
    origin.on("/a").answers(Answer::ok("one").max_age(60));
    let passes = host.ask(get("/a").field("Cache-Control", "no-store")).await;
    passes
        .expect(200)
        .cache("fwd=bypass")
        .cache("detail=request-no-store");
    host.get("/a").await.cache("fwd=uri-miss");
}

#[tokio::test]
async fn more_variants_than_allowed_are_not_stored() {
    let origin = Origin::new();
    let host = Host::before(&origin).cache("max_variants = 2").start();
    origin.on("/a").runs(|seen| {
        let language = seen.field("accept-language").to_owned();
        Answer::ok(&language)
            .max_age(60)
            .field("Vary", "Accept-Language")
    });
    let ask = |language: &str| get("/a").field("Accept-Language", language);
    for language in ["de", "en"] {
        host.ask(ask(language)).await.cache("stored");
        host.idle().await;
    }
    let one_more = host.ask(ask("fr")).await;
    one_more.body("fr").cache("detail=too-many-variants");
    host.ask(ask("de")).await.cache("hit");
}

#[tokio::test]
async fn a_stale_response_is_used_while_one_refresh_runs() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let swr = |body: &str| {
        Answer::ok(body).field("Cache-Control", "max-age=10, stale-while-revalidate=60")
    };
    origin.on("/a").answers_in_turn([swr("one"), swr("two")]);
    host.get("/a").await.body("one");
    host.idle().await;
    host.advance(15);
    let stale = host.get("/a").await;
    stale.body("one").cache("hit").cache("ttl=-5").age(15);
    host.idle().await;
    host.get("/a").await.body("two").cache("hit").age(0);
    assert_eq!(origin.requests("/a").len(), 2);
}
