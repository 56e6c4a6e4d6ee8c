//! Requests find their distribution and behavior, or are refused.

use crate::pipeline::testing::{Answer, Host, Origin, get};

#[tokio::test]
async fn the_first_behavior_whose_pattern_matches_is_the_one() {
    let origin = Origin::new();
    let host = Host::before(&origin)
        .tables(
            "[[behaviors]]\npath = \"/images/*\"\norigin = \"main\"\ncache = { default_ttl = 60, min_ttl = 60 }\n\
             [[behaviors]]\npath = \"*.css\"\norigin = \"main\"\nallowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\"]",
        )
        .start();
    for path in ["/images/a.png", "/images/a.css", "/b.css"] {
        origin
            .on(path)
            .answers(Answer::ok("x").field("Cache-Control", "max-age=1"));
        host.get(path).await.expect(200);
        host.idle().await;
    }
    host.advance(30);
    host.get("/images/a.png").await.cache("hit");
    host.get("/images/a.css").await.cache("hit");
    host.get("/b.css").await.cache("fwd=stale");
    let options = get("/b.css").method(&http::Method::OPTIONS);
    host.ask(options).await.expect(200);
    let options = get("/images/a.css").method(&http::Method::OPTIONS);
    host.ask(options).await.expect(403);
}

#[tokio::test]
async fn another_origin_is_asked_where_the_behavior_says_so() {
    let (origin, images) = (Origin::new(), Origin::new());
    let host = Host::before(&origin)
        .also("images", &images)
        .tables("[[behaviors]]\npath = \"/images/*\"\norigin = \"images\"")
        .start();
    origin.on("/a").answers(Answer::ok("main"));
    images.on("/images/a").answers(Answer::ok("image"));
    host.get("/a").await.expect(200).body("main");
    host.get("/images/a").await.expect(200).body("image");
    assert_eq!(origin.requests("/images/a").len(), 0);
}

#[tokio::test]
async fn the_target_names_the_host_where_it_is_a_whole_uri() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::ok("a").max_age(60));
    let asked = get("http://shop.test/a").field("Host", "other.test");
    host.ask(asked).await.expect(200).body("a");
    host.idle().await;
    host.get("/a").await.cache("hit");
    let other = get("http://other.test/a").field("Host", "shop.test");
    host.ask(other).await.expect(403);
}

#[tokio::test]
async fn names_of_hosts_are_the_same_in_any_case_and_with_a_port() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin.on("/a").answers(Answer::ok("a").max_age(60));
    host.ask(get("/a").field("Host", "SHOP.Test:8080"))
        .await
        .expect(200);
    host.idle().await;
    host.get("/a").await.cache("hit");
    for wrong in ["", "shop.test/a", "shop test", "-"] {
        let response = host.ask(get("/a").field("Host", wrong)).await;
        assert!(response.status.is_client_error(), "'{wrong}': {response:?}");
    }
}

#[tokio::test]
async fn a_query_is_part_of_what_is_asked_for() {
    let origin = Origin::new();
    let host = Host::before(&origin).start();
    origin
        .on("/a")
        .runs(|seen| Answer::ok(&seen.target).max_age(60));
    host.get("/a?x=1").await.body("/a?x=1");
    host.idle().await;
    host.get("/a?x=2")
        .await
        .body("/a?x=2")
        .cache("fwd=uri-miss");
    host.get("/a?x=1").await.body("/a?x=1").cache("hit");
}
