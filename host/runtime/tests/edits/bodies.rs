//! Bodies of requests: where a hook may read them, and whose time the reading takes.

use super::*;

#[tokio::test]
async fn a_hook_reads_the_body_where_it_may() {
    let with = |body: &'static [u8]| {
        Arc::new(RequestFacts {
            body: Some(Arc::new(Bytes::from_static(body))),
            ..facts("/body")
        })
    };
    let mut transaction = Transaction::new();
    let called = transaction
        .viewer_request(&editor(), &with(b"0123456789"))
        .await;
    let Ok(ViewerRequestDecision::Respond(made)) = called.decision else {
        panic!("it answers: {called:?}")
    };
    assert_eq!(&*made.body, b"0123456789");
    assert!(called.reads.contains(&Read::Body), "{:?}", called.reads);
    assert!(!Read::Body.is_of_message());
    assert_eq!(
        viewer_request(&with(b"0123456789+")).await,
        Err(HookError::Guest(
            "the request's body has more than 10 bytes".into()
        ))
    );
    assert_eq!(
        viewer_request(&request("/body")).await,
        Err(HookError::Guest(
            "this hook cannot read the request's body".into()
        ))
    );
}

/// A body whose viewer takes its time.
struct Slow(Result<Bytes, BodyRefusal>);

impl ReadBody for Slow {
    fn read(&self, _: u64) -> Answer<Result<Bytes, BodyRefusal>> {
        let arrives = self.0.clone();
        Answer::Later(Box::pin(async {
            tokio::time::sleep(Duration::from_millis(400)).await;
            arrives
        }))
    }
}

#[tokio::test]
async fn waiting_for_the_viewers_body_is_not_the_plugins_time() {
    let limits = Limits {
        wall: Duration::from_millis(100),
        ..Limits::default()
    };
    let short_circuit = ShortCircuit {
        failures: 1,
        ..ShortCircuit::default()
    };
    let plugin = common::load(&PluginSpec {
        limits,
        short_circuit,
        ..everything()
    });
    let ask = async |path: &str, arrives| {
        let request = Arc::new(RequestFacts {
            body: Some(Arc::new(Slow(arrives))),
            ..facts(path)
        });
        let mut transaction = Transaction::new();
        transaction.viewer_request(&plugin, &request).await.decision
    };
    let Ok(ViewerRequestDecision::Respond(made)) =
        ask("/body", Ok(Bytes::from_static(b"slow"))).await
    else {
        panic!("it answers")
    };
    assert_eq!(&*made.body, b"slow");
    // A viewer that breaks its body off says nothing of the plugin, whatever that makes of it.
    let cut = ask("/body-or-panic", Err(BodyRefusal::CutOff)).await;
    assert!(matches!(cut, Err(HookError::Trap(_))), "{cut:?}");
    assert!(!plugin.is_short_circuited());
    // What the plugin does afterwards is its own time.
    let wasted = ask("/body-then-sleep", Ok(Bytes::new())).await;
    assert!(
        matches!(wasted, Err(HookError::WallLimit { .. })),
        "{wasted:?}"
    );
    assert!(plugin.is_short_circuited());
}
