//! The host's side of the contract against a plugin that does its worst: texts that are no UTF-8, values with CR and LF,
//! lengths beyond limits, handles that are made up, of another type, used after they were dropped, or never dropped.
//!
//! The programs are random, from a seed that a failure prints; `SELVEDGE_SEED` runs one seed, `SELVEDGE_PROGRAMS` sets how
//! many programs there are.

mod common;

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::powers::Recorded;
use common::{facts, guest, load, response, runtime, spec};
use http::{HeaderMap, HeaderValue};
use selvedge_runtime::{
    FieldEdit, HookError, Isolation, Limits, OriginRequestDecision, OriginResponseDecision, Plugin,
    PluginSpec, RequestEdits, RequestFacts, ResponseEdits, SyntheticResponse, Transaction,
    ViewerRequestDecision, ViewerResponseDecision,
};

fn hostile(isolation: Isolation) -> Arc<Plugin> {
    load(&PluginSpec {
        file: guest("hostile"),
        powers: Recorded::default().powers(""),
        isolation,
        limits: Limits {
            // The programs wait for backends that never answer.
            wall: Duration::from_millis(200),
            log_lines: 0,
            ..Limits::default()
        },
        ..spec()
    })
}

/// Numbers that look random and are the same for a seed (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A program without the bytes that a field cannot hold. Small numbers are likelier: they are operations and handles.
    fn program(&mut self) -> Vec<u8> {
        let length = 1 + self.next() % 60;
        let byte = |numbers: &mut Numbers| {
            let n = numbers.next();
            let byte = match n % 4 {
                0 => (n >> 8) as u8,
                1 => 248 + (n >> 8) as u8 % 8,
                _ => (n >> 8) as u8 % 48,
            };
            if byte < 32 || byte == 127 {
                byte + 128
            } else {
                byte
            }
        };
        (0..length).map(|_| byte(self)).collect()
    }
}

fn told(program: &[u8]) -> Arc<RequestFacts> {
    let mut facts = facts("/");
    let program = HeaderValue::from_bytes(program).expect("a program is a field's value");
    facts.fields.insert("program", program);
    facts.body = Some(Arc::new(bytes::Bytes::from_static(b"a body")));
    Arc::new(facts)
}

/// Calls all hooks with one program, and looks at what they decided.
async fn all_hooks(plugin: &Arc<Plugin>, program: &[u8]) {
    let request = told(program);
    let response = response();
    let mut transaction = Transaction::new(&runtime());
    let t = &mut transaction;
    match t.viewer_request(plugin, &request).await.decision {
        Ok(ViewerRequestDecision::Edit(edits)) => sound_request(&edits),
        Ok(ViewerRequestDecision::Respond(made)) => sound_response(&made),
        Ok(ViewerRequestDecision::Next) => {}
        Err(error) => sound_error(&error),
    }
    let key = t.cache_key(plugin, &request).await.decision;
    key.err().iter().for_each(sound_error);
    let origin = t.origin_selection(plugin, &request).await.decision;
    origin.err().iter().for_each(sound_error);
    match t.origin_request(plugin, &request).await.decision {
        Ok(OriginRequestDecision::Edit(edits)) => sound_request(&edits),
        Ok(OriginRequestDecision::Respond(made)) => sound_response(&made),
        Ok(OriginRequestDecision::Next) => {}
        Err(error) => sound_error(&error),
    }
    let decided = t.origin_response(plugin, &request, &response).await;
    match decided.decision {
        Ok(OriginResponseDecision::Edit(edits)) => sound_edits(&edits),
        Ok(OriginResponseDecision::Respond(made)) => sound_response(&made),
        Ok(OriginResponseDecision::Transform(edits, mut transform)) => {
            sound_edits(&edits);
            for _ in 0..3 {
                let pushed = transform.push("piece".into()).await;
                pushed.err().iter().for_each(sound_error);
            }
            transform.finish().await.err().iter().for_each(sound_error);
        }
        Ok(OriginResponseDecision::Produce(edits, mut producer)) => {
            sound_edits(&edits);
            for _ in 0..3 {
                producer.next().await.err().iter().for_each(sound_error);
            }
        }
        Ok(OriginResponseDecision::Next | OriginResponseDecision::Ask(_)) => {}
        Err(error) => sound_error(&error),
    }
    let ttl = t.ttl(plugin, &request, &response).await.decision;
    ttl.err().iter().for_each(sound_error);
    match t
        .viewer_response(plugin, &request, &response)
        .await
        .decision
    {
        Ok(ViewerResponseDecision::Edit(edits)) => sound_edits(&edits),
        Ok(ViewerResponseDecision::Respond(made)) => sound_response(&made),
        Ok(ViewerResponseDecision::Next) => {}
        Err(error) => sound_error(&error),
    }
}

fn sound_request(edits: &RequestEdits) {
    let path = edits.path.as_deref().unwrap_or("/");
    let query = edits.query.as_deref().unwrap_or("");
    let target = format!("{path}?{query}");
    assert!(target.starts_with('/'), "{target}");
    let parsed: http::uri::PathAndQuery = target.parse().expect("a target");
    assert_eq!(parsed.path(), path, "nothing of it is a query or fragment");
    sound_lines(&edits.fields);
    let mut facts = facts("/");
    edits.apply(&mut facts).expect("edits apply");
}

fn sound_edits(edits: &ResponseEdits) {
    if let Some(status) = edits.status {
        assert!((200..=599).contains(&status.as_u16()));
    }
    sound_lines(&edits.fields);
    let mut fields = HeaderMap::new();
    let mut status = http::StatusCode::OK;
    edits.apply(&mut status, &mut fields).expect("edits apply");
}

fn sound_lines(edits: &[FieldEdit]) {
    for edit in edits {
        sound_name(edit.name().as_str());
        if let FieldEdit::Set(_, value) | FieldEdit::Append(_, value) = edit {
            sound_value(value);
        }
    }
}

fn sound_response(made: &SyntheticResponse) {
    assert!((200..=599).contains(&made.status.as_u16()));
    for (name, value) in &made.fields {
        sound_name(name.as_str());
        sound_value(value);
    }
}

fn sound_name(name: &str) {
    let framing = ["content-length", "transfer-encoding", "connection", "via"];
    assert!(!framing.contains(&name), "{name}");
}

fn sound_value(value: &HeaderValue) {
    let ends_line = |byte: &u8| matches!(byte, b'\r' | b'\n' | 0);
    assert!(!value.as_bytes().iter().any(ends_line), "{value:?}");
}

/// An error is words for people: bounded, and without line ends.
fn sound_error(error: &HookError) {
    let said = error.to_string();
    assert!(said.len() < 4096, "{} bytes", said.len());
    assert!(!said.contains(['\r', '\n', '\0']), "{said:?}");
}

#[tokio::test]
#[expect(clippy::print_stderr, reason = "how to run a failure again")]
async fn whatever_a_plugin_does_the_host_gets_a_sound_decision_or_an_error() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seed: u64 = number("SELVEDGE_SEED").unwrap_or(7);
    let programs: u64 = number("SELVEDGE_PROGRAMS").unwrap_or(300);
    let plugins = [Isolation::Request, Isolation::Reuse].map(hostile);
    for n in 0..programs {
        let program = Numbers(seed.wrapping_add(n)).program();
        let began = Instant::now();
        eprintln!("SELVEDGE_SEED={} SELVEDGE_PROGRAMS=1", seed.wrapping_add(n));
        all_hooks(&plugins[n as usize % 2], &program).await;
        // Seven hooks and four calls of a stream, each with its wall time, on a machine that does other things as well.
        assert!(began.elapsed() < Duration::from_secs(20), "{program:?}");
    }
    // A plugin that means well is served as ever, and nothing was left behind.
    let plugin = common::plugin();
    assert!(common::ask(&plugin, "/device").await.decision.is_ok());
    for plugin in &plugins {
        let counters = plugin.counters();
        assert!(counters.failed() > 0, "the programs do their worst");
        assert!(
            counters.failed() < counters.calls(),
            "some come to their end"
        );
    }
}

/// What becomes of single operations: the first byte of a program is the operation.
#[tokio::test]
async fn handles_are_what_the_host_gave_or_the_call_ends() {
    let plugin = hostile(Isolation::Request);
    let cases: [(&str, &[u8], &str); 4] = [
        // 26 + 160: 40 operations, so 186 is `wait` on handle 200.
        ("waiting for what was never started", &[186, 200], "trap"),
        ("an answer that never came", &[187, 200], "trap"),
        ("dropping what is not there", &[188, 200], "trap"),
        ("reading another request", &[191, 200], "trap"),
    ];
    for (what, program, expected) in cases {
        let mut transaction = Transaction::new(&runtime());
        let called = transaction.cache_key(&plugin, &told(program)).await;
        let error = called.decision.expect_err(what);
        assert_eq!(error.as_str(), expected, "{what}: {error}");
    }
}

#[tokio::test]
async fn text_that_is_no_utf8_ends_the_call() {
    let plugin = hostile(Isolation::Request);
    // Operation 6 reads a field by a name of three bytes, which are no UTF-8.
    let program = [166, 195, 255, 254, 253];
    let mut transaction = Transaction::new(&runtime());
    let called = transaction.cache_key(&plugin, &told(&program)).await;
    let error = called.decision.expect_err("it is no text");
    assert!(error.to_string().contains("utf-8"), "{error}");
}
