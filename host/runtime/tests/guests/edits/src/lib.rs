//! A plugin with the four hooks that edit and answer, and with everything that may be imported. What it does depends on the
//! request's path, so that one file serves all tests.

mod streams;
mod uses;

use std::cell::Cell;

use exports::selvedge::edge::{origin_request, origin_response, viewer_request, viewer_response};
use selvedge::edge::types::{
    Field, FieldEdit, Request, RequestEdits, Response, ResponseEdits, SyntheticResponse,
};
use streams::{Producer, Transform};
use uses::{capabilities, secret};

wit_bindgen::generate!({
    path: "../../../../../sdk/wit",
    inline: "
        package test:guest;
        world guest {
            include selvedge:edge/imports@0.1.0;
            export selvedge:edge/viewer-request@0.1.0;
            export selvedge:edge/origin-request@0.1.0;
            export selvedge:edge/origin-response@0.1.0;
            export selvedge:edge/viewer-response@0.1.0;
        }
    ",
    generate_all,
});

struct Guest;
export!(Guest);

/// Beginnings of paths with which this guest does the same at both request hooks.
enum Outcome {
    Next,
    Edit(RequestEdits),
    Respond(SyntheticResponse),
}

impl viewer_request::Guest for Guest {
    fn handle(request: &Request) -> Result<viewer_request::Decision, String> {
        use viewer_request::Decision;
        Ok(match of_request(request)? {
            Outcome::Next => Decision::Next,
            Outcome::Edit(edits) => Decision::Edit(edits),
            Outcome::Respond(response) => Decision::Respond(response),
        })
    }
}

impl origin_request::Guest for Guest {
    fn handle(request: &Request) -> Result<origin_request::Decision, String> {
        use origin_request::Decision;
        Ok(match of_request(request)? {
            Outcome::Next => Decision::Next,
            Outcome::Edit(edits) => Decision::Edit(edits),
            Outcome::Respond(response) => Decision::Respond(response),
        })
    }
}

fn of_request(request: &Request) -> Result<Outcome, String> {
    let query = request.query().unwrap_or_default();
    Ok(match request.path().as_str() {
        "/edit" => Outcome::Edit(RequestEdits {
            path: Some("/edited%20path".into()),
            query: Some("a=1".into()),
            fields: vec![
                set("X-Set", "1"),
                FieldEdit::Append(field("Accept", " text/css ")),
                FieldEdit::Remove("User-Agent".into()),
            ],
            body: Some(b"new body".to_vec()),
        }),
        "/respond" => respond(200, b"made here"),
        "/body" => respond(200, &request.body(10)?),
        "/body-or-panic" => respond(200, &request.body(10).expect("a body")),
        "/body-then-sleep" => {
            let body = request.body(10)?;
            std::thread::sleep(std::time::Duration::from_secs(2));
            respond(200, &body)
        }
        "/set-field" => Outcome::Edit(RequestEdits {
            fields: vec![set(&query, "1")],
            ..no_edits()
        }),
        "/remove-field" => Outcome::Edit(RequestEdits {
            fields: vec![FieldEdit::Remove(query)],
            ..no_edits()
        }),
        "/set-value" => Outcome::Edit(RequestEdits {
            fields: vec![set("x-value", &query.replace("CRLF", "\r\n"))],
            ..no_edits()
        }),
        "/set-path" => Outcome::Edit(RequestEdits {
            path: Some(query.replace('_', " ")),
            ..no_edits()
        }),
        "/set-query" => Outcome::Edit(RequestEdits {
            query: Some(query.replace('_', " ")),
            ..no_edits()
        }),
        "/long-target" => Outcome::Edit(RequestEdits {
            path: Some(format!("/{}", "p".repeat(5000))),
            query: Some("q".repeat(5000)),
            ..no_edits()
        }),
        "/many-fields" => Outcome::Edit(RequestEdits {
            fields: vec![set("x", "1"); 1001],
            ..no_edits()
        }),
        "/large-edits" => Outcome::Edit(RequestEdits {
            fields: vec![set("x", &"1".repeat(65 << 10))],
            ..no_edits()
        }),
        "/large-body" => respond(200, &vec![b'x'; 2 << 20]),
        "/huge-body" => respond(200, &vec![b'x'; 8 << 20]),
        "/status" => respond(query.parse().map_err(|_| "no number")?, b""),
        "/status-with-body" => respond(query.parse().map_err(|_| "no number")?, b"x"),
        "/respond-field" => Outcome::Respond(SyntheticResponse {
            status: 200,
            fields: vec![field(&query, "1")],
            body: Vec::new(),
        }),
        "/init-free" => respond(200, &[]),
        "/use/say-path" => Outcome::Edit(RequestEdits {
            path: Some(secret(&query)),
            ..no_edits()
        }),
        "/use/say-name" => Outcome::Edit(RequestEdits {
            fields: vec![set(&format!("not a name {}", secret(&query)), "1")],
            ..no_edits()
        }),
        path => match path.strip_prefix("/use/") {
            Some(capability) => respond(200, capabilities(capability, &query)?.as_bytes()),
            None => Outcome::Next,
        },
    })
}

impl viewer_response::Guest for Guest {
    fn handle(request: &Request, response: &Response) -> Result<viewer_response::Decision, String> {
        use viewer_response::Decision;
        let query = request.query().unwrap_or_default();
        Ok(match request.path().as_str() {
            "/edit" => Decision::Edit(ResponseEdits {
                status: Some(response.status() + 3),
                fields: vec![
                    set("X-Frame-Options", "DENY"),
                    FieldEdit::Remove("content-type".into()),
                ],
            }),
            "/set-field" => Decision::Edit(ResponseEdits {
                status: None,
                fields: vec![set(&query, "1")],
            }),
            "/respond" => Decision::Respond(SyntheticResponse {
                status: 404,
                fields: vec![field("content-type", "text/plain")],
                body: b"nothing here".to_vec(),
            }),
            _ => Decision::Next,
        })
    }
}

impl origin_response::Guest for Guest {
    type Transform = Transform;
    type Producer = Producer;

    fn handle(request: &Request, response: &Response) -> Result<origin_response::Decision, String> {
        use origin_response::{Decision, Produced, Transformed};
        let edits = ResponseEdits {
            status: None,
            fields: vec![set("x-made-by", "plugin")],
        };
        let query = request.query().unwrap_or_default();
        Ok(match request.path().as_str() {
            "/edit" => Decision::Edit(edits),
            "/status" => Decision::Edit(ResponseEdits {
                status: Some(query.parse().map_err(|_| "no number")?),
                fields: Vec::new(),
            }),
            "/respond" if response.status() == 200 => Decision::Respond(SyntheticResponse {
                status: 201,
                fields: Vec::new(),
                body: b"instead".to_vec(),
            }),
            "/set-field" => Decision::Edit(ResponseEdits {
                status: None,
                fields: vec![set(&query, "1")],
            }),
            "/ask" => Decision::Ask("spare".into()),
            "/large-transform" => Decision::Transform(Transformed {
                edits: ResponseEdits {
                    status: None,
                    fields: vec![set("x", &"1".repeat(65 << 10))],
                },
                body: origin_response::Transform::new(Transform::of("upper")),
            }),
            "/bad-transform" => Decision::Transform(Transformed {
                edits: ResponseEdits {
                    status: Some(99),
                    fields: Vec::new(),
                },
                body: origin_response::Transform::new(Transform::of("upper")),
            }),
            path => match (
                path.strip_prefix("/transform/"),
                path.strip_prefix("/produce/"),
            ) {
                (Some(kind), _) => Decision::Transform(Transformed {
                    edits,
                    body: origin_response::Transform::new(Transform::of(kind)),
                }),
                (_, Some(kind)) => Decision::Produce(Produced {
                    edits,
                    body: origin_response::Producer::new(Producer {
                        kind: kind.into(),
                        made: Cell::new(0),
                    }),
                }),
                _ => Decision::Next,
            },
        })
    }
}

fn respond(status: u16, body: &[u8]) -> Outcome {
    Outcome::Respond(SyntheticResponse {
        status,
        fields: vec![
            field("Content-Type", "text/plain"),
            field("X-Two", "1"),
            field("x-two", "2"),
        ],
        body: body.to_vec(),
    })
}

fn no_edits() -> RequestEdits {
    RequestEdits {
        path: None,
        query: None,
        fields: Vec::new(),
        body: None,
    }
}

fn set(name: &str, value: &str) -> FieldEdit {
    FieldEdit::Set(field(name, value))
}

fn field(name: &str, value: &str) -> Field {
    Field {
        name: name.into(),
        value: value.as_bytes().to_vec(),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}
