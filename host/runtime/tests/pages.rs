//! The plugins of the SDK's documentation: one for each hook. They pass their own tests natively, and do as WebAssembly what
//! their pages say.

mod common;

use std::process::Command;
use std::sync::Arc;

use common::capabilities::Recorded;
use common::{facts, guest, guests_manifest, load, request, response, runtime, spec, target};
use http::{HeaderMap, StatusCode};
use selvedge_runtime::{
    FieldEdit, Hook, KeyDecision, KeyPart, OriginDecision, OriginRequestDecision,
    OriginResponseDecision, Plugin, PluginSpec, RequestFacts, ResponseFacts, Transaction,
    TtlDecision, ViewerRequestDecision, ViewerResponseDecision,
};

fn page_spec() -> PluginSpec {
    PluginSpec {
        file: guest("pages"),
        capabilities: Recorded::default().capabilities(""),
        config: serde_json::json!({ "page_seconds": 30 }),
        ..spec()
    }
}

fn pages() -> Arc<Plugin> {
    load(&page_spec())
}

fn answered(status: u16, content_type: &'static str) -> Arc<ResponseFacts> {
    let mut fields = HeaderMap::new();
    fields.insert("content-type", content_type.parse().unwrap());
    fields.insert("server", "x/1".parse().unwrap());
    Arc::new(ResponseFacts {
        status: StatusCode::from_u16(status).unwrap(),
        fields,
        ..(*response()).clone()
    })
}

#[test]
fn the_plugins_of_the_pages_pass_their_own_tests() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["test", "--release", "--locked", "--package", "guest-pages"]);
    cargo.arg("--manifest-path").arg(guests_manifest());
    cargo.arg("--target-dir").arg(target().join("guests"));
    cargo
        .env_remove("RUSTFLAGS")
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    let output = cargo.output().expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success(),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("viewer_request::tests::"), "{said}");
}

#[tokio::test]
async fn all_hooks_of_the_pages_are_found() {
    assert_eq!(pages().hooks(), Hook::ALL);
}

#[tokio::test]
async fn viewer_request_redirects_rewrites_and_answers() {
    let plugin = pages();
    let mut transaction = Transaction::new();
    // The store of these tests has the key `a`, without a slash: nothing is redirected.
    let called = transaction
        .viewer_request(&plugin, &request("/docs/"))
        .await;
    let Ok(ViewerRequestDecision::Edit(edits)) = called.decision else {
        panic!("{called:?}")
    };
    assert_eq!(edits.path.as_deref(), Some("/docs/index.html"));
    let called = transaction
        .viewer_request(&plugin, &request("/healthz"))
        .await;
    let Ok(ViewerRequestDecision::Respond(made)) = called.decision else {
        panic!("{called:?}")
    };
    assert_eq!((made.status, &*made.body), (StatusCode::OK, &b"ok\n"[..]));
    let called = transaction.viewer_request(&plugin, &request("/page")).await;
    assert_eq!(called.decision, Ok(ViewerRequestDecision::Next));
}

#[tokio::test]
async fn cache_key_and_origin_selection_decide() {
    let plugin = pages();
    let mut transaction = Transaction::new();
    let called = transaction.cache_key(&plugin, &request("/")).await;
    let parts = vec![
        KeyPart::QueryExcept(vec!["utm_*".into(), "fbclid".into()]),
        KeyPart::Literal(b"mobile".to_vec()),
        KeyPart::Literal(b"en".to_vec()),
    ];
    assert_eq!(called.decision, Ok(KeyDecision::Extend(parts)));
    let called = transaction.origin_selection(&plugin, &request("/")).await;
    assert_eq!(called.decision, Ok(OriginDecision::Policy));
    let mut tester = facts("/");
    tester
        .fields
        .insert("cookie", "tester=ann".parse().unwrap());
    let called = transaction
        .origin_selection(&plugin, &Arc::new(tester))
        .await;
    let failover = vec!["staging".to_owned(), "main".to_owned()];
    assert_eq!(called.decision, Ok(OriginDecision::Failover(failover)));
}

#[tokio::test]
async fn origin_request_signs_or_answers() {
    let mut spec = page_spec();
    let called = Transaction::new()
        .origin_request(&load(&spec), &request("/"))
        .await;
    let error = called.decision.unwrap_err().to_string();
    assert!(error.contains("has no secret `origin_token`"), "{error}");
    spec.config = serde_json::json!({ "maintenance": true });
    let called = Transaction::new()
        .origin_request(&load(&spec), &request("/"))
        .await;
    let Ok(OriginRequestDecision::Respond(made)) = called.decision else {
        panic!("{called:?}")
    };
    assert_eq!(made.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(made.fields["retry-after"], "60");
}

#[tokio::test]
async fn origin_response_transforms_pages_and_asks_the_archive() {
    let plugin = pages();
    let mut transaction = Transaction::new();
    let page = answered(200, "text/html");
    let called = transaction
        .origin_response(&plugin, &request("/"), &page)
        .await;
    let Ok(OriginResponseDecision::Transform(edits, mut transform)) = called.decision else {
        panic!("{called:?}")
    };
    assert!(edits.is_empty());
    let mut out = Vec::new();
    for piece in ["<a href=htt", "p://a.test>ht"] {
        out.extend(transform.push(piece.into()).await.unwrap().concat());
    }
    out.extend(transform.finish().await.unwrap().concat());
    assert_eq!(out, b"<a href=https://a.test>ht");
    let missing = answered(404, "text/html");
    let called = transaction
        .origin_response(&plugin, &request("/"), &missing)
        .await;
    assert!(
        matches!(&called.decision, Ok(OriginResponseDecision::Ask(id)) if id == "archive"),
        "{called:?}"
    );
}

#[tokio::test]
async fn ttl_follows_the_configuration_that_init_read() {
    let plugin = pages();
    let mut transaction = Transaction::new();
    let page = answered(200, "text/html");
    let called = transaction.ttl(&plugin, &request("/"), &page).await;
    assert!(
        matches!(
            called.decision,
            Ok(TtlDecision::Set {
                lifetime: Some(30),
                ..
            })
        ),
        "{called:?}"
    );
    let image = answered(200, "image/png");
    let called = transaction.ttl(&plugin, &request("/"), &image).await;
    assert!(
        matches!(&called.decision, Ok(TtlDecision::Set { tags, .. }) if *tags == ["images"]),
        "{called:?}"
    );
    let mut refused = page_spec();
    refused.config = serde_json::json!({ "page_seconds": 7200 });
    let error = runtime().load(&refused).unwrap_err().to_string();
    assert!(
        error.ends_with("refuses its configuration: page_seconds must be at most 3600"),
        "{error}"
    );
}

#[tokio::test]
async fn viewer_response_sets_fields_on_every_response() {
    let plugin = pages();
    let mut transaction = Transaction::new();
    let https: Arc<RequestFacts> = request("/");
    let called = transaction
        .viewer_response(&plugin, &https, &answered(503, "text/html"))
        .await;
    let Ok(ViewerResponseDecision::Edit(edits)) = called.decision else {
        panic!("{called:?}")
    };
    let names: Vec<_> = edits
        .fields
        .iter()
        .map(|edit| edit.name().as_str())
        .collect();
    let expected = [
        "x-content-type-options",
        "x-frame-options",
        "server",
        "x-powered-by",
        "strict-transport-security",
        "cache-control",
    ];
    assert_eq!(names, expected);
    assert!(matches!(&edits.fields[2], FieldEdit::Remove(name) if name == "server"));
}
