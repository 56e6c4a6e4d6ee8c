//! Bodies that a plugin makes while they flow.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::capabilities::{editor, editor_with};
use common::{request, response};
use selvedge_runtime::{
    Fault, HookError, Isolation, Limits, OriginResponseDecision, Plugin, Producer, Transaction,
    Transform,
};

async fn decide(plugin: &Arc<Plugin>, path: &str) -> Result<OriginResponseDecision, HookError> {
    let mut transaction = Transaction::new();
    let (request, response) = (request(path), response());
    let called = transaction.origin_response(plugin, &request, &response);
    called.await.decision
}

/// The transform that the guest makes for this path. The transaction is over already.
async fn transform_of(plugin: &Arc<Plugin>, kind: &str) -> Transform {
    match decide(plugin, &format!("/transform/{kind}")).await {
        Ok(OriginResponseDecision::Transform(edits, transform)) => {
            assert_eq!(edits.fields.len(), 1);
            transform
        }
        other => panic!("{kind}: {other:?}"),
    }
}

async fn transform(kind: &str) -> Transform {
    transform_of(&editor(), kind).await
}

async fn producer(kind: &str) -> Producer {
    match decide(&editor(), &format!("/produce/{kind}")).await {
        Ok(OriginResponseDecision::Produce(_, producer)) => producer,
        other => panic!("{kind}: {other:?}"),
    }
}

#[tokio::test]
async fn a_transform_turns_pieces_into_pieces_as_they_come() {
    let mut upper = transform("upper").await;
    assert_eq!(upper.push("abc".into()).await, Ok(vec!["ABC".into()]));
    assert_eq!(upper.push("def".into()).await, Ok(vec!["DEF".into()]));
    assert_eq!(upper.finish().await, Ok(vec![]));
    assert_eq!(upper.push("late".into()).await, Err(HookError::StreamOver));
}

#[tokio::test]
async fn a_transform_may_hold_back_until_the_end() {
    let mut hold = transform("hold").await;
    assert_eq!(hold.push("abc".into()).await, Ok(vec![]));
    assert_eq!(hold.push("def".into()).await, Ok(vec![]));
    // Short pieces are put together.
    assert_eq!(hold.finish().await, Ok(vec!["abcdef!".into()]));
}

#[tokio::test]
async fn large_pieces_are_cut_and_empty_ones_left_out() {
    let mut sizes = transform("sizes").await;
    let out = sizes.push(vec![0; 150_000].into()).await.unwrap();
    assert_eq!(out.concat(), b"65536 65536 18928 ");
    assert_eq!(out.len(), 3);
}

#[tokio::test]
async fn a_producer_makes_a_body_and_ends_it() {
    let mut three = producer("three").await;
    let mut made = Vec::new();
    while let Some(piece) = three.next().await.unwrap() {
        made.extend(piece);
    }
    assert_eq!(made, b"piece 0;piece 1;piece 2;");
    assert_eq!(three.next().await, Ok(None));
}

#[tokio::test]
async fn a_failing_transform_says_why_and_is_over() {
    let mut failing = transform("error").await;
    let said = HookError::Guest("cannot read this".into());
    assert_eq!(failing.push("a".into()).await, Err(said));
    assert_eq!(failing.push("b".into()).await, Err(HookError::StreamOver));
    assert_eq!(failing.finish().await, Err(HookError::StreamOver));
    let error = transform("panic").await.push("a".into()).await.unwrap_err();
    assert!(error.to_string().contains("push went wrong"), "{error}");
    let mut fails = producer("fails").await;
    assert_eq!(fails.next().await, Ok(Some(Bytes::new())));
    assert_eq!(fails.next().await, Err(HookError::Guest("no more".into())));
    assert_eq!(fails.next().await, Err(HookError::StreamOver));
}

#[tokio::test]
async fn each_call_of_a_stream_is_under_the_limits() {
    let limits = Limits {
        cpu: Duration::from_millis(20),
        ..Limits::default()
    };
    let plugin = editor_with(limits, Isolation::Request);
    let began = Instant::now();
    let mut endless = transform_of(&plugin, "loop").await;
    let error = endless.push("a".into()).await.unwrap_err();
    assert_eq!(error.as_str(), "cpu-limit");
    assert!(began.elapsed() < Duration::from_secs(5));
    let limit = 1 << 20;
    for kind in ["blow-up", "burst"] {
        let error = transform(kind).await.push("a".into()).await.unwrap_err();
        assert_eq!(error, HookError::BodyLimit { limit }, "{kind}");
    }
    let error = producer("huge").await.next().await.unwrap_err();
    assert_eq!(error, HookError::BodyLimit { limit });
    let failures: u64 = plugin.counters().failed();
    assert_eq!(failures, 1, "a failing stream is counted");
}

#[tokio::test]
async fn a_stream_may_last_longer_than_a_call() {
    let limits = Limits {
        wall: Duration::from_millis(200),
        ..Limits::default()
    };
    let plugin = editor_with(limits, Isolation::Request);
    let mut upper = transform_of(&plugin, "upper").await;
    for _ in 0..3 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(upper.push("x".into()).await, Ok(vec!["X".into()]));
    }
}

#[tokio::test]
async fn a_stream_uses_what_the_plugin_is_given() {
    let mut kv = transform("kv").await;
    let out = kv.push("x".into()).await;
    assert_eq!(out, Ok(vec!["Some(\"value of a\")".into()]));
}

#[tokio::test]
async fn an_instance_belongs_to_its_stream_until_the_end() {
    let plugin = editor_with(Limits::default(), Isolation::Reuse);
    let mut first = transform_of(&plugin, "upper").await;
    let mut second = transform_of(&plugin, "upper").await;
    assert_eq!(
        plugin.counters().instances(),
        3,
        "one at load, one for each stream"
    );
    assert_eq!(first.push("a".into()).await, Ok(vec!["A".into()]));
    assert_eq!(second.push("b".into()).await, Ok(vec!["B".into()]));
    assert_eq!(first.finish().await, Ok(vec![]));
    // The instance is free again, and its resource was dropped: only the new one is alive.
    let mut third = transform_of(&plugin, "alive").await;
    assert_eq!(plugin.counters().instances(), 3);
    assert_eq!(third.finish().await, Ok(vec!["1".into()]));
    // A stream that is given up takes its instance along.
    drop(second);
    let mut fourth = transform_of(&plugin, "alive").await;
    assert_eq!(fourth.finish().await, Ok(vec!["1".into()]));
}

#[tokio::test]
async fn a_piece_that_is_given_up_ends_the_stream() {
    let plugin = editor_with(
        Limits {
            cpu: Duration::from_secs(5),
            ..Limits::default()
        },
        Isolation::Request,
    );
    let mut endless = transform_of(&plugin, "loop").await;
    let given_up = tokio::time::timeout(Duration::from_millis(50), endless.push("a".into()));
    assert!(given_up.await.is_err());
    assert_eq!(endless.push("b".into()).await, Err(HookError::StreamOver));
}

#[tokio::test]
async fn a_transform_with_edits_that_are_not_valid_is_refused() {
    let plugin = editor_with(Limits::default(), Isolation::Reuse);
    let error = decide(&plugin, "/bad-transform").await.unwrap_err();
    assert_eq!(error, HookError::BadDecision(Fault::Status(99)));
    let mut next = transform_of(&plugin, "alive").await;
    assert_eq!(next.finish().await, Ok(vec!["1".into()]), "nothing leaked");
}

#[tokio::test]
async fn a_transform_with_too_large_edits_leaves_nothing_in_an_instance() {
    let plugin = editor_with(Limits::default(), Isolation::Reuse);
    let error = decide(&plugin, "/large-transform").await.unwrap_err();
    assert_eq!(error, HookError::OutputLimit { limit: 64 << 10 });
    let mut next = transform_of(&plugin, "alive").await;
    assert_eq!(next.finish().await, Ok(vec!["1".into()]), "nothing leaked");
}
