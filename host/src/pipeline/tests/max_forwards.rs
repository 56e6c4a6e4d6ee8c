//! Max-Forwards of OPTIONS and TRACE (RFC 9110, section 7.6.2).

use crate::pipeline::testing::{Answer, Host, Origin, get};
use http::Method;

fn host(origin: &Origin) -> Host {
    Host::before(origin)
        .behavior("allowed_methods = \"any\"")
        .start()
}

#[tokio::test]
async fn a_request_that_may_not_be_passed_on_is_answered_here() {
    let origin = Origin::new();
    let host = host(&origin);
    let ask = |method: &Method| {
        get("/a?b")
            .method(method)
            .field("Max-Forwards", "0")
            .field("Cookie", "secret=1")
            .field("X-Seen", "1")
    };
    let options = host.ask(ask(&Method::OPTIONS)).await;
    options.expect(200).body("");
    assert!(options.field("allow").contains("OPTIONS"), "{options:?}");
    let trace = host.ask(ask(&Method::TRACE)).await;
    trace.expect(200).has("content-type", "message/http");
    let text = String::from_utf8_lossy(&trace.content).into_owned();
    assert!(text.starts_with("TRACE /a?b HTTP/1.1\r\n"), "{text}");
    assert!(text.contains("x-seen: 1\r\n"), "{text}");
    assert!(!text.contains("secret"), "{text}");
    assert!(origin.requests("/a?b").is_empty());
}

#[tokio::test]
async fn a_request_that_is_passed_on_is_counted() {
    let origin = Origin::new();
    let host = host(&origin);
    origin.on("/a").answers(Answer::ok("x"));
    for (method, left) in [
        (Method::OPTIONS, "2"),
        (Method::TRACE, "2"),
        (Method::POST, "3"),
    ] {
        let ask = get("/a").method(&method).field("Max-Forwards", "3");
        host.ask(ask).await.expect(200).body("x");
        let seen = origin.requests("/a").pop().expect("it was asked");
        assert_eq!(seen.field("max-forwards"), left, "{method}");
    }
}
