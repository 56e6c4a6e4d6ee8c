//! The plugin that does its worst by a program, and what of it has to be sound.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, HeaderValue};
use selvedge_runtime::{
    FieldEdit, HookError, Isolation, Limits, OriginRequestDecision, OriginResponseDecision, Plugin,
    PluginSpec, RequestEdits, RequestFacts, ResponseEdits, SyntheticResponse, Transaction,
    ViewerRequestDecision, ViewerResponseDecision,
};

use super::capabilities::Recorded;
use super::{facts, guest, load, response, spec};

pub fn hostile(isolation: Isolation) -> Arc<Plugin> {
    load(&PluginSpec {
        file: guest("hostile"),
        capabilities: Recorded::default().capabilities(""),
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

pub fn told(program: &[u8]) -> Arc<RequestFacts> {
    let mut facts = facts("/");
    let program = HeaderValue::from_bytes(program).expect("a program is a field's value");
    facts.fields.insert("program", program);
    facts.body = Some(Arc::new(bytes::Bytes::from_static(b"a body")));
    Arc::new(facts)
}

/// Calls all hooks with one program, and looks at what they decided.
pub async fn all_hooks(plugin: &Arc<Plugin>, program: &[u8]) {
    let request = told(program);
    let response = response();
    let mut transaction = Transaction::new();
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
pub fn sound_error(error: &HookError) {
    let said = error.to_string();
    assert!(said.len() < 4096, "{} bytes", said.len());
    assert!(!said.contains(['\r', '\n', '\0']), "{said:?}");
}
