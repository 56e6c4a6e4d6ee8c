//! Answers to operators: what is stored, and what would become of a request.

use crate::pipeline::insight::{self, Explanation, Invalidate, Question};
use crate::pipeline::testing::{Answer, Gate, Host, Origin, get};
use std::sync::Arc;

fn question(path: &str) -> Question {
    Question {
        url: format!("http://shop.test{path}"),
        method: None,
        fields: Vec::new(),
        viewer: None,
    }
}

async fn explain(host: &Host, question: &Question) -> Explanation {
    insight::explain(host.edge(), question)
        .await
        .expect("it is a question")
}

/// The outcome of a GET, and why.
async fn outcome(host: &Host, path: &str) -> (String, String) {
    let explanation = explain(host, &question(path)).await;
    (explanation.outcome, explanation.why)
}

fn said(outcome: &str, why: &str) -> (String, String) {
    (outcome.to_owned(), why.to_owned())
}

#[tokio::test]
async fn explain_says_what_would_happen_and_changes_nothing() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    let answer = Answer::ok("one")
        .field("Cache-Control", "max-age=60, stale-while-revalidate=60")
        .field("ETag", "\"1\"");
    origin.on("/a").answers(answer);
    assert_eq!(outcome(&host, "/a").await, said("miss", "uri-miss"));
    assert_eq!(origin.connections(), 0, "nothing is sent");
    host.get("/a").await.expect(200);
    host.idle().await;
    assert_eq!(outcome(&host, "/a").await, said("hit", "fresh"));
    host.advance(70);
    assert_eq!(
        outcome(&host, "/a").await,
        said("stale", "stale-while-revalidate")
    );
    host.advance(60);
    assert_eq!(outcome(&host, "/a").await, said("validate", "stale"));
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn explain_sees_fetches_that_are_under_way() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let answer = Answer::ok("one").max_age(60).after(&gate);
    origin.on("/a").answers(answer);
    let asked = host.spawn(get("/a"));
    gate.arrivals(1).await;
    assert_eq!(outcome(&host, "/a").await.0, "collapse");
    gate.open();
    asked.await.expect("it ends").expect(200);
}

#[tokio::test]
async fn explain_names_refusals_and_passes() {
    let origin = Origin::new();
    let host = Host::before(&origin)
        .behavior("allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]")
        .start();
    let refused = Question {
        method: Some("DELETE".to_owned()),
        ..question("/a")
    };
    let refused = explain(&host, &refused).await;
    assert_eq!(refused.outcome, "refuse");
    assert_eq!(refused.why, "method-not-allowed");
    assert_eq!(refused.status, Some(403));
    let passes = Question {
        method: Some("OPTIONS".to_owned()),
        ..question("/a")
    };
    let passes = explain(&host, &passes).await;
    assert_eq!((&*passes.outcome, &*passes.why), ("pass", "method"));
    let unknown = Question {
        url: "http://other.test/".to_owned(),
        ..question("/")
    };
    assert_eq!(explain(&host, &unknown).await.why, "unknown-host");
}

#[tokio::test]
async fn explain_shows_the_key_and_the_variant_that_it_selects() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").runs(|seen| {
        let language = seen.field("accept-language").to_owned();
        Answer::ok(&language)
            .max_age(60)
            .field("Vary", "Accept-Language")
    });
    for language in ["de", "en"] {
        host.ask(get("/a").field("Accept-Language", language)).await;
        host.idle().await;
    }
    let asked = Question {
        fields: vec![("Accept-Language".to_owned(), "en".to_owned())],
        ..question("/a")
    };
    let explanation = explain(&host, &asked).await;
    assert_eq!(explanation.outcome, "hit");
    assert_eq!(explanation.variants.len(), 2);
    let selected = explanation.selected.expect("one is selected");
    let variant = &explanation.variants[selected];
    let chosen_by = ("accept-language".to_owned(), Some("en".to_owned()));
    assert_eq!(variant.vary, [chosen_by]);
    let key = explanation.key.expect("it has a key");
    assert!(key.starts_with("distribution=shop path=/a"), "{key}");
    assert_eq!(explanation.origin.as_deref(), Some("main"));
}

#[tokio::test]
async fn what_is_stored_for_a_url_is_listed() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::ok("content").max_age(60));
    host.get("/a").await.expect(200);
    host.idle().await;
    host.advance(20);
    let listing = insight::list(host.edge(), "http://shop.test/a")
        .await
        .expect("it is ours");
    assert_eq!(listing.count, 1);
    let stored = &listing.stored[0];
    assert_eq!((stored.status, stored.bytes), (200, 7));
    assert_eq!((stored.age, stored.ttl, stored.lifetime), (20, 40, 60));
    assert!(stored.usable);
    let elsewhere = insight::list(host.edge(), "http://other.test/a").await;
    assert!(elsewhere.is_err());
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_concerned_and_does_nothing() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    for path in ["/a/1", "/a/2", "/b"] {
        origin.on(path).answers(Answer::ok("x").max_age(60));
        host.get(path).await.expect(200);
        host.idle().await;
    }
    let mut asked = Invalidate {
        distribution: "shop".to_owned(),
        paths: vec!["/a/*".to_owned()],
        dry_run: true,
        ..Invalidate::default()
    };
    let told = insight::invalidate(host.edge(), &asked)
        .await
        .expect("it can be asked");
    let would_hit = told.would_hit.expect("a dry run says that");
    assert_eq!((would_hit.count, told.kept), (2, 0));
    host.get("/a/1").await.cache("hit");
    asked.dry_run = false;
    insight::invalidate(host.edge(), &asked)
        .await
        .expect("it is done");
    host.get("/a/1").await.cache("detail=invalidated");
    host.get("/b").await.cache("hit");
}

#[tokio::test]
async fn the_cache_counts_requests_and_hits_by_distribution() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::ok("x").max_age(60));
    for _ in 0..4 {
        host.get("/a").await.expect(200);
        host.idle().await;
    }
    let stats = insight::stats(host.edge()).await;
    assert_eq!((stats.requests, stats.hits), (4, 3));
    assert_eq!(stats.memory_objects, 1);
    let of = stats
        .distributions
        .iter()
        .find(|of| of.distribution == "shop");
    let of = of.expect("it is configured");
    assert_eq!((of.requests, of.hits, of.memory_objects), (4, 3, 1));
}
