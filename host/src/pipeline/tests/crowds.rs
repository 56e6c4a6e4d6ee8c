//! Concurrent requests that need the same fetch share one.

use crate::pipeline::testing::{Answer, Gate, Host, Origin, Response, get};
use http::Method;
use std::sync::Arc;
use tokio::task::JoinHandle;

/// Lets the tasks of this test run until they wait for each other.
async fn settle() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

async fn all(asked: Vec<JoinHandle<Response>>) -> Vec<Response> {
    let mut responses = Vec::new();
    for one in asked {
        responses.push(one.await.expect("no viewer panics"));
    }
    responses
}

#[tokio::test]
async fn a_crowd_for_one_key_is_one_fetch() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let answer = Answer::ok("one").max_age(60).after(&gate);
    origin.on("/a").answers(answer);
    let asked = (0..20).map(|_| host.spawn(get("/a"))).collect();
    gate.arrivals(1).await;
    settle().await;
    gate.open();
    let responses = all(asked).await;
    let collapsed = responses
        .iter()
        .filter(|response| response.field("cache-status").contains("collapsed"));
    assert_eq!(collapsed.count(), 19);
    for response in &responses {
        response.expect(200).body("one");
    }
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn those_who_come_while_the_body_arrives_get_it_from_its_first_byte() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let answer = Answer::ok("first ").max_age(60).wait(&gate).then("second");
    origin.on("/a").answers(answer);
    let leads = host.spawn(get("/a"));
    gate.arrivals(1).await;
    let joins = host.spawn(get("/a"));
    settle().await;
    gate.open();
    leads.await.expect("it ends").body("first second");
    joins.await.expect("it ends").body("first second");
    assert_eq!(origin.requests("/a").len(), 1);
}

#[tokio::test]
async fn a_viewer_that_leaves_ends_nothing_that_another_reads() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let answer = Answer::ok("first ").max_age(60).wait(&gate).then("second");
    origin.on("/a").answers(answer);
    let leaves = host.begin(get("/a")).await;
    let stays = host.spawn(get("/a"));
    settle().await;
    drop(leaves);
    gate.open();
    stays.await.expect("it ends").body("first second");
    assert!(host.lines().iter().any(|line| line.aborted));
}

#[tokio::test]
async fn a_private_response_is_for_its_leader_and_is_remembered_as_such() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let answer = Answer::ok("mine").field("Cache-Control", "private");
    origin.on("/a").answers(answer.after(&gate));
    let asked = (0..5).map(|_| host.spawn(get("/a"))).collect();
    gate.arrivals(1).await;
    settle().await;
    gate.open();
    for response in all(asked).await {
        response.expect(200).body("mine").cache("detail=private");
    }
    assert_eq!(origin.requests("/a").len(), 5, "nobody gets another's");
}

#[tokio::test]
async fn a_leader_whose_fetch_is_lost_leaves_nobody_waiting() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    origin.on("/a").answers_in_turn([
        Answer::raw("").after(&gate),
        Answer::ok("second").max_age(60),
    ]);
    let asked: Vec<_> = (0..4).map(|_| host.spawn(get("/a"))).collect();
    gate.arrivals(1).await;
    settle().await;
    gate.open();
    for response in all(asked).await {
        // The failure is everybody's who waited for it.
        response.expect(502);
    }
    host.get("/a").await.expect(200).body("second");
}

#[tokio::test]
async fn requests_with_different_ranges_do_not_wait_for_each_other() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let held = gate.clone();
    origin.on("/a").runs(move |seen| match seen.field("range") {
        "bytes=0-1" => Answer::part("abcd", 0, 1).max_age(60).after(&held),
        _ => Answer::part("abcd", 2, 3).max_age(60),
    });
    let waits = host.spawn(get("/a").field("Range", "bytes=0-1"));
    gate.arrivals(1).await;
    let other = host.ask(get("/a").field("Range", "bytes=2-3")).await;
    other.expect(206).body("cd");
    gate.open();
    waits.await.expect("it ends").expect(206).body("ab");
}

#[tokio::test]
async fn a_crowd_over_a_changing_validator_waits_for_one_fetch_that_began_after_it_came() {
    let origin = Origin::new();
    let host = Arc::new(Host::before(&origin).start());
    let (first, second) = (Gate::new(), Gate::new());
    let version = |number: u32| {
        Answer::ok(&format!("version {number}"))
            .field("Cache-Control", "max-age=0")
            .field("ETag", &format!("\"{number}\""))
    };
    origin.on("/a").answers_in_turn([
        version(0),
        version(1).after(&first),
        version(2).after(&second),
        version(3),
    ]);
    host.get("/a").await.expect(200).body("version 0");
    host.idle().await;
    let leads = host.spawn(get("/a"));
    first.arrivals(1).await;
    let crowd = (0..30).map(|_| host.spawn(get("/a"))).collect();
    settle().await;
    first.open();
    leads.await.expect("it ends").body("version 1");
    second.arrivals(1).await;
    settle().await;
    second.open();
    for response in all(crowd).await {
        response.expect(200).body("version 2");
    }
    assert_eq!(origin.requests("/a").len(), 3, "one for the whole crowd");
}

#[tokio::test]
async fn a_response_that_sets_cookies_and_is_stale_at_once_is_shared_with_nobody() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    let held = gate.clone();
    let count = std::sync::atomic::AtomicUsize::new(0);
    origin.on("/a").runs(move |_| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Answer::ok("a")
            .field("Cache-Control", "max-age=0")
            .field("ETag", "\"1\"")
            .field("Set-Cookie", &format!("sid={number}"))
            .after(&held)
    });
    let asked = (0..6).map(|_| host.spawn(get("/a"))).collect();
    gate.arrivals(1).await;
    settle().await;
    gate.open();
    let responses = all(asked).await;
    let mut cookies: Vec<&str> = responses
        .iter()
        .map(|response| response.field("set-cookie"))
        .collect();
    cookies.sort_unstable();
    cookies.dedup();
    assert_eq!(cookies.len(), 6, "{cookies:?}");
}

#[tokio::test]
async fn get_and_head_do_not_share_a_fetch() {
    let (origin, gate) = (Origin::new(), Gate::new());
    let host = Arc::new(Host::before(&origin).start());
    origin
        .on("/a")
        .answers(Answer::ok("one").max_age(60).after(&gate));
    let get_it = host.spawn(get("/a"));
    gate.arrivals(1).await;
    let head_it = host.spawn(get("/a").method(&Method::HEAD));
    gate.arrivals(2).await;
    gate.open();
    get_it.await.expect("it ends").expect(200).body("one");
    head_it.await.expect("it ends").expect(200).body("");
}
