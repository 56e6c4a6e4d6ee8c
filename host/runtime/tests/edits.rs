//! Decisions of the hooks that edit and answer, and the ones that are refused.

#[path = "edits/bodies.rs"]
mod bodies;
mod common;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::capabilities::{editor, everything};
use common::{facts, request, response};
use http::StatusCode;
use selvedge_runtime::capabilities::{Answer, BodyRefusal, ReadBody};
use selvedge_runtime::{
    Fault, FieldEdit, Hook, HookError, Limits, OriginRequestDecision, OriginResponseDecision,
    PluginSpec, Read, RequestEdits, RequestFacts, ResponseEdits, ShortCircuit, SyntheticResponse,
    Transaction, ViewerRequestDecision, ViewerResponseDecision,
};

/// A request for a path with this query.
fn asked(path: &str, query: &str) -> Arc<RequestFacts> {
    Arc::new(RequestFacts {
        query: Some(query.into()),
        ..facts(path)
    })
}

async fn viewer_request(request: &Arc<RequestFacts>) -> Result<ViewerRequestDecision, HookError> {
    let mut transaction = Transaction::new();
    transaction
        .viewer_request(&editor(), request)
        .await
        .decision
}

async fn origin_request(request: &Arc<RequestFacts>) -> Result<OriginRequestDecision, HookError> {
    let mut transaction = Transaction::new();
    transaction
        .origin_request(&editor(), request)
        .await
        .decision
}

async fn viewer_response(request: &Arc<RequestFacts>) -> Result<ViewerResponseDecision, HookError> {
    let mut transaction = Transaction::new();
    let called = transaction
        .viewer_response(&editor(), request, &response())
        .await;
    called.decision
}

async fn origin_response(request: &Arc<RequestFacts>) -> Result<OriginResponseDecision, HookError> {
    let mut transaction = Transaction::new();
    let called = transaction
        .origin_response(&editor(), request, &response())
        .await;
    called.decision
}

/// The fault in a decision of `viewer-request`.
async fn fault(path: &str, query: &str) -> String {
    match viewer_request(&asked(path, query)).await {
        Err(HookError::BadDecision(fault)) => fault.to_string(),
        other => panic!("{path}?{query}: {other:?}"),
    }
}

#[tokio::test]
async fn edits_of_a_request_arrive_and_apply_in_order() {
    let Ok(ViewerRequestDecision::Edit(edits)) = viewer_request(&request("/edit")).await else {
        panic!("it edits")
    };
    assert_eq!(edits.path.as_deref(), Some("/edited%20path"));
    assert_eq!(edits.body.as_deref(), Some(&b"new body"[..]));
    let mut edited = facts("/edit");
    edits.apply(&mut edited).unwrap();
    assert_eq!(edited.path, "/edited%20path");
    assert_eq!(edited.query.as_deref(), Some("a=1"));
    assert_eq!(edited.fields["x-set"], "1");
    let accept: Vec<_> = edited.fields.get_all("accept").iter().collect();
    assert_eq!(accept, ["text/html", "text/plain", "text/css"]);
    assert!(!edited.fields.contains_key("user-agent"));
    let Ok(OriginRequestDecision::Edit(same)) = origin_request(&request("/edit")).await else {
        panic!("it edits")
    };
    assert_eq!(same, edits);
}

#[test]
fn an_empty_query_removes_the_query() {
    let mut edited = facts("/");
    let edits = RequestEdits {
        query: Some(String::new()),
        ..RequestEdits::default()
    };
    edits.apply(&mut edited).unwrap();
    assert_eq!(edited.query, None);
}

#[test]
fn a_chain_of_plugins_cannot_grow_a_message_without_end() {
    let line = FieldEdit::Append("x".parse().unwrap(), "1".parse().unwrap());
    let edits = ResponseEdits {
        status: None,
        fields: vec![line; 600],
    };
    let (mut status, mut fields) = (StatusCode::OK, http::HeaderMap::new());
    edits.apply(&mut status, &mut fields).unwrap();
    let error = edits.apply(&mut status, &mut fields).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the edited message would have more than 1000 field lines"
    );
}

#[tokio::test]
async fn a_response_made_by_a_plugin_arrives() {
    let mut fields = http::HeaderMap::new();
    fields.insert("content-type", "text/plain".parse().unwrap());
    fields.append("x-two", "1".parse().unwrap());
    fields.append("x-two", "2".parse().unwrap());
    let made = SyntheticResponse {
        status: StatusCode::OK,
        fields,
        body: Bytes::from_static(b"made here"),
    };
    assert_eq!(
        viewer_request(&request("/respond")).await,
        Ok(ViewerRequestDecision::Respond(made.clone()))
    );
    assert_eq!(
        origin_request(&request("/respond")).await,
        Ok(OriginRequestDecision::Respond(made))
    );
    let Ok(ViewerResponseDecision::Respond(made)) = viewer_response(&request("/respond")).await
    else {
        panic!("it answers")
    };
    assert_eq!(
        (made.status.as_u16(), &*made.body),
        (404, &b"nothing here"[..])
    );
    let Ok(OriginResponseDecision::Respond(made)) = origin_response(&request("/respond")).await
    else {
        panic!("it answers")
    };
    assert_eq!((made.status.as_u16(), &*made.body), (201, &b"instead"[..]));
}

#[tokio::test]
async fn edits_of_a_response_arrive_and_apply() {
    let Ok(ViewerResponseDecision::Edit(edits)) = viewer_response(&request("/edit")).await else {
        panic!("it edits")
    };
    let mut edited = (*response()).clone();
    edits.apply_to_facts(&mut edited).unwrap();
    assert_eq!(edited.status, StatusCode::NON_AUTHORITATIVE_INFORMATION);
    assert_eq!(edited.fields["x-frame-options"], "DENY");
    assert!(!edited.fields.contains_key("content-type"));
    let decided = origin_response(&request("/edit")).await;
    let Ok(OriginResponseDecision::Edit(edits)) = decided else {
        panic!("it edits: {decided:?}")
    };
    assert_eq!(edits.fields.len(), 1);
}

#[tokio::test]
async fn without_an_opinion_all_goes_on() {
    let request = request("/");
    assert_eq!(
        viewer_request(&request).await,
        Ok(ViewerRequestDecision::Next)
    );
    assert_eq!(
        origin_request(&request).await,
        Ok(OriginRequestDecision::Next)
    );
    assert_eq!(
        viewer_response(&request).await,
        Ok(ViewerResponseDecision::Next)
    );
    let decided = origin_response(&request).await;
    assert!(
        matches!(decided, Ok(OriginResponseDecision::Next)),
        "{decided:?}"
    );
    let asked = origin_response(&common::request("/ask")).await;
    assert!(
        matches!(&asked, Ok(OriginResponseDecision::Ask(id)) if id == "spare"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_field_that_a_hook_may_not_change_is_named() {
    for name in [
        "Host",
        "Via",
        "CDN-Loop",
        "Content-Length",
        "Transfer-Encoding",
    ] {
        let name = name.to_lowercase();
        let said = format!("the field `{name}` may not be changed at viewer-request");
        assert_eq!(fault("/set-field", &name).await, said);
        assert_eq!(fault("/remove-field", &name).await, said);
    }
    let everywhere = [
        "connection",
        "expect",
        "keep-alive",
        "proxy-authorization",
        "trailer",
        "upgrade",
        "x-accel-redirect",
        "x-amz-cf-id",
        "x-amzn-requestid",
        "x-cache",
        "x-edge-anything",
        "x-forwarded-proto",
        "x-real-ip",
        "content-length",
        "transfer-encoding",
    ];
    for name in everywhere {
        let asked = asked("/set-field", name);
        let fault = |hook| {
            HookError::BadDecision(Fault::ProtectedField {
                name: name.into(),
                hook,
            })
        };
        assert_eq!(
            viewer_request(&asked).await,
            Err(fault(Hook::ViewerRequest))
        );
        assert_eq!(
            origin_request(&asked).await,
            Err(fault(Hook::OriginRequest))
        );
        assert_eq!(
            viewer_response(&asked).await,
            Err(fault(Hook::ViewerResponse))
        );
        let decided = origin_response(&asked).await;
        assert_eq!(decided.unwrap_err(), fault(Hook::OriginResponse));
    }
}

#[tokio::test]
async fn what_is_read_only_at_one_hook_may_be_changed_at_another() {
    let cases: [(&str, [bool; 4]); 10] = [
        ("host", [false, true, true, true]),
        ("via", [false, false, false, false]),
        ("warning", [true, true, true, false]),
        ("accept-encoding", [true, false, true, true]),
        ("if-none-match", [true, false, true, true]),
        ("cdn-loop", [false, false, true, true]),
        ("range", [true, false, true, true]),
        ("if-match", [true, false, true, true]),
        ("content-range", [true, true, false, false]),
        ("x-own", [true, true, true, true]),
    ];
    for (name, expected) in cases {
        let asked = asked("/set-field", name);
        let may = [
            viewer_request(&asked).await.is_ok(),
            origin_request(&asked).await.is_ok(),
            origin_response(&asked).await.is_ok(),
            viewer_response(&asked).await.is_ok(),
        ];
        assert_eq!(may, expected, "{name}");
    }
}

#[tokio::test]
async fn what_is_no_message_is_refused_and_named() {
    let cases = [
        (
            "/set-field",
            "not a name",
            "`not a name` is no name of a field; names have",
        ),
        ("/remove-field", "", "`` is no name of a field; names have"),
        (
            "/set-value",
            "aCRLFb: c",
            "the value of the field `x-value` has a character",
        ),
        (
            "/set-path",
            "no-slash",
            "the path `no-slash` is not valid; a path starts with /",
        ),
        ("/set-path", "/a_b", "the path `/a b` is not valid"),
        ("/set-path", "/a?b", "the path `/a?b` is not valid"),
        ("/set-path", "/a#b", "the path `/a#b` is not valid"),
        ("/set-path", "/\u{e9}", "the path `/\u{e9}` is not valid"),
        ("/set-query", "a_b", "the query `a b` is not valid"),
        ("/set-query", "a#b", "the query `a#b` is not valid"),
        (
            "/long-target",
            "",
            "path and query have 10001 bytes, more than the 8192",
        ),
        (
            "/many-fields",
            "",
            "there are 1001 field lines or edits, more than the 1000",
        ),
        ("/status", "199", "the status 199 is not one of 200 to 599"),
        ("/status", "600", "the status 600 is not one of 200 to 599"),
        (
            "/status-with-body",
            "204",
            "a response with the status 204 No Content has no body",
        ),
        (
            "/status-with-body",
            "304",
            "a response with the status 304 Not Modified has no body",
        ),
        (
            "/respond-field",
            "Content-Length",
            "a response made by a plugin may not have the field `content-length`",
        ),
        (
            "/respond-field",
            "Via",
            "a response made by a plugin may not have the field `via`",
        ),
    ];
    for (path, query, said) in cases {
        let found = fault(path, query).await;
        assert!(found.starts_with(said), "{path}?{query}: {found}");
    }
    for (path, query) in [
        ("/set-path", "/a%20b;c=d\"^{}|\\"),
        ("/set-query", "a=b?/`'"),
        ("/status", "204"),
    ] {
        let decided = viewer_request(&asked(path, query)).await;
        assert!(decided.is_ok(), "{path}?{query}: {decided:?}");
    }
}

#[tokio::test]
async fn decisions_and_their_content_have_limits_of_their_own() {
    let limit = 64 << 10;
    let decided = viewer_request(&request("/large-edits")).await;
    assert_eq!(decided, Err(HookError::OutputLimit { limit }));
    let limit = 1 << 20;
    for path in ["/large-body", "/huge-body"] {
        let error = viewer_request(&request(path)).await.unwrap_err();
        assert_eq!(error, HookError::BodyLimit { limit }, "{path}");
        assert_eq!(error.as_str(), "body-limit");
        assert_eq!(
            error.to_string(),
            "the plugin returned more than 1 MiB of content at once (limits.body_bytes)"
        );
    }
}

#[tokio::test]
async fn all_seven_hooks_are_called() {
    assert_eq!(
        editor().hooks(),
        [
            Hook::ViewerRequest,
            Hook::OriginRequest,
            Hook::OriginResponse,
            Hook::ViewerResponse
        ]
    );
    assert_eq!(
        everything().hooks.len(),
        0,
        "the specification asks for none by name"
    );
}
