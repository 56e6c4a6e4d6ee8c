//! Plugins' native tests and the host agree: every reader of a request and of a response gives the same at every hook as the
//! same code natively, on what the SDK's builders made.

mod common;
#[path = "guests/readers/src/readers.rs"]
mod readers;

use std::sync::Arc;

use bytes::Bytes;
use common::{Country, guest, load, spec};
use http::{HeaderMap, HeaderName, HeaderValue};
use selvedge_runtime::{
    Hook, HookError, KeyDecision, KeyPart, Limits, OriginDecision, OriginRequestDecision,
    OriginResponseDecision, PluginSpec, RequestFacts, ResponseFacts, Transaction,
    ViewerRequestDecision, ViewerResponseDecision,
};
use selvedge_sdk::{Request, Response};

const QUERY: &str = "q=a+b%21&utm=x&q=2&empty=&bad=%zz%e9&&flag";

const REQUEST: [(&str, &[u8]); 9] = [
    ("accept", b"text/html"),
    ("accept", b"text/plain"),
    ("cookie", b"a=1; group=b=c; spaced = x ; flag; empty="),
    ("cookie", b"group=later"),
    ("x-bytes", b"\xff\xe9"),
    ("x-empty", b""),
    ("x-spaces", b"  in the middle  "),
    ("user-agent", b"test"),
    ("accept", b"*/*"),
];

const RESPONSE: [(&str, &[u8]); 4] = [
    ("content-type", b"text/html"),
    ("cache-control", b"max-age=1"),
    ("set-cookie", b"a=1"),
    ("cache-control", b"public"),
];

fn fields(lines: &[(&str, &[u8])]) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for (name, value) in lines {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        // As hyper gives it (RFC 9110, section 5.5).
        fields.append(name, HeaderValue::from_bytes(value.trim_ascii()).unwrap());
    }
    fields
}

fn facts() -> RequestFacts {
    RequestFacts {
        query: Some(QUERY.into()),
        fields: fields(&REQUEST),
        body: Some(Arc::new(Bytes::from_static(b"a body"))),
        geo: Some(Arc::new(Country("CH"))),
        cache_key: Some("the key".into()),
        ..common::facts("/a%20b")
    }
}

fn native() -> Request {
    let url = format!("https://WWW.example.test:8443/a%20b?{QUERY}");
    let mut request = Request::builder("GET", &url);
    for (name, value) in REQUEST {
        request = request.field(name, value);
    }
    request
        .body("a body")
        .geo("country", "CH")
        .viewer_address("::ffff:192.0.2.7")
        .viewer_port(4711)
        .request_id("0000000000000001")
        .distribution("d1")
        .edge("edge-1")
        .origin("main")
        .cache_status("hit")
        .cache_age(9)
        .cache_key("the key")
        .build()
}

fn both() -> (ResponseFacts, Response) {
    let facts = ResponseFacts {
        fields: fields(&RESPONSE),
        ..(*common::response()).clone()
    };
    let mut response = Response::builder(200).origin(Some("main"));
    for (name, value) in RESPONSE {
        response = response.field(name, value);
    }
    (facts, response.build())
}

/// The answers of the plugin at a hook.
async fn said(hook: Hook, request: &Arc<RequestFacts>, response: &Arc<ResponseFacts>) -> String {
    let plugin = load(&PluginSpec {
        file: guest("readers"),
        limits: Limits {
            body_bytes: 1 << 20,
            ..Limits::default()
        },
        ..spec()
    });
    let mut t = Transaction::new();
    let of_body = |body: Bytes| String::from_utf8(body.into()).unwrap();
    match hook {
        Hook::ViewerRequest => match t.viewer_request(&plugin, request).await.decision {
            Ok(ViewerRequestDecision::Respond(made)) => of_body(made.body),
            other => panic!("{other:?}"),
        },
        Hook::CacheKey => match t.cache_key(&plugin, request).await.decision {
            Ok(KeyDecision::Replace(parts)) => match &parts[..] {
                [KeyPart::Literal(text)] => String::from_utf8(text.clone()).unwrap(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        },
        Hook::OriginSelection => match t.origin_selection(&plugin, request).await.decision {
            Ok(OriginDecision::Origin(text)) => text,
            other => panic!("{other:?}"),
        },
        Hook::OriginRequest => match t.origin_request(&plugin, request).await.decision {
            Ok(OriginRequestDecision::Respond(made)) => of_body(made.body),
            other => panic!("{other:?}"),
        },
        Hook::OriginResponse => {
            match t.origin_response(&plugin, request, response).await.decision {
                Ok(OriginResponseDecision::Respond(made)) => of_body(made.body),
                other => panic!("{other:?}"),
            }
        }
        Hook::Ttl => match t.ttl(&plugin, request, response).await.decision {
            Err(HookError::Guest(text)) => text,
            other => panic!("{other:?}"),
        },
        Hook::ViewerResponse => {
            match t.viewer_response(&plugin, request, response).await.decision {
                Ok(ViewerResponseDecision::Respond(made)) => of_body(made.body),
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn native_builders_and_the_host_agree_at_every_reader_of_every_hook() {
    let (response, native_response) = both();
    let (request, response) = (Arc::new(facts()), Arc::new(response));
    let of_request = readers::of_request(&native());
    let of_both = format!("{of_request}\n{}", readers::of_response(&native_response));
    for hook in Hook::ALL {
        let reads_response = hook >= Hook::OriginResponse;
        let expected = if reads_response {
            &of_both
        } else {
            &of_request
        };
        let said = said(hook, &request, &response).await;
        if hook == Hook::Ttl {
            // An error's text is escaped and cut; its beginning is enough.
            let shown = |text: &str| {
                text.replace("\\n", "\n")
                    .chars()
                    .take(300)
                    .collect::<String>()
            };
            assert_eq!(shown(&said), shown(expected), "{hook}");
            continue;
        }
        for (said, expected) in said.lines().zip(expected.lines()) {
            assert_eq!(said, expected, "{hook}");
        }
        assert_eq!(said.lines().count(), expected.lines().count(), "{hook}");
    }
}
