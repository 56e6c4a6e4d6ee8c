//! A plugin with the four hooks that edit and answer, and with everything that may be imported. What it does depends on the
//! request's path, so that one file serves all tests.

use std::cell::{Cell, RefCell};

use exports::selvedge::edge::{origin_request, origin_response, viewer_request, viewer_response};
use selvedge::edge::fetch::{self, FetchError, FetchRequest, Fetched, Pending};
use selvedge::edge::types::{
    Field, FieldEdit, Request, RequestEdits, Response, ResponseEdits, SyntheticResponse,
};
use selvedge::edge::{cache, kv, log, metrics, secrets};

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

/// Prefixes of paths that this guest treats in the same way at both request hooks.
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

/// Uses what the host gives, and tells what came of it.
fn capabilities(what: &str, query: &str) -> Result<String, String> {
    Ok(match what {
        "kv" => format!("{:?}", kv::get(query)?.map(text)),
        "kv-long" => format!("{:?}", kv::get(&"k".repeat(513))),
        "cache" => {
            cache::put(b"k", b"v", 60, &["t".into()])?;
            let before = cache::get(b"k")?.map(text);
            cache::invalidate("t")?;
            format!("{before:?} {:?}", cache::get(b"k")?.map(text))
        }
        "cache-if" => {
            cache::invalidate("t")?;
            let first = cache::put_if(b"k", None, b"1", 60, &[])?;
            let wrong = cache::put_if(b"k", Some(b"0"), b"2", 60, &[])?;
            let right = cache::put_if(b"k", Some(b"1"), b"2", 60, &[])?;
            format!("{first} {wrong} {right} {:?}", cache::get(b"k")?.map(text))
        }
        "metrics" => {
            metrics::count("things", 2);
            metrics::observe("seconds", 0.5);
            metrics::observe("seconds", f64::NAN);
            metrics::count("Not a Name", 1);
            "done".into()
        }
        "secret" => {
            let secret = secrets::get(query).map(text);
            log::write(log::Level::Info, &format!("the secret is {secret:?}"), &[]);
            format!("{:?}", secret)
        }
        say if say.starts_with("say-") => return say_secret(say, &secret(query)),
        "secret-error" => {
            let secret = secrets::get("key").map(text).unwrap_or_default();
            return Err(format!("the key {secret} is not good"));
        }
        "secret-panic" => {
            let secret = secrets::get("key").map(text).unwrap_or_default();
            panic!("no use for {secret}")
        }
        "fetch" => answer(fetch::start(query, &get("/a?b"))),
        "fetch-all" => {
            let started: Vec<_> = (0..3)
                .map(|n| fetch::start("b", &get(&format!("/{n}"))))
                .collect();
            started
                .into_iter()
                .map(answer)
                .collect::<Vec<_>>()
                .join(" ")
        }
        "fetch-twice" => {
            let pending = fetch::start("b", &get("/")).map_err(|e| format!("{e:?}"))?;
            drop(pending.wait());
            answer(Ok(pending))
        }
        "fetch-request" => {
            let request = FetchRequest {
                method: "POST".into(),
                target: "/p".into(),
                fields: vec![field("X-A", "1")],
                body: b"sent".to_vec(),
            };
            answer(fetch::start("b", &request))
        }
        "fetch-field" => {
            let mut request = get("/");
            request.fields = vec![field(query, "1")];
            answer(fetch::start("b", &request))
        }
        "fetch-target" => answer(fetch::start("b", &get(&query.replace('_', " ")))),
        "fetch-method" => {
            let method = query.replace('_', " ");
            answer(fetch::start("b", &FetchRequest { method, ..get("/") }))
        }
        "fetch-many" => {
            for _ in 0..query.parse::<u32>().map_err(|_| "no number")? {
                drop(fetch::start("b", &get("/")));
            }
            "done".into()
        }
        "fetch-keep" => {
            for _ in 0..query.parse::<u32>().map_err(|_| "no number")? {
                std::mem::forget(fetch::start("b", &get("/")));
            }
            "done".into()
        }
        "fetch-keep-answers" => {
            for _ in 0..query.parse::<u32>().map_err(|_| "no number")? {
                let pending = fetch::start("b", &get("/")).map_err(|e| format!("{e:?}"))?;
                std::mem::forget(pending.wait());
                std::mem::forget(pending);
            }
            "done".into()
        }
        "spin-and-wait" => {
            // Waits far longer than the limit of CPU time, and computes next to nothing.
            answer(fetch::start("slow", &get("/")))
        }
        "never" => answer(fetch::start("never", &get("/"))),
        other => return Err(format!("there is no {other}")),
    })
}

fn secret(name: &str) -> String {
    secrets::get(name).map(text).unwrap_or_default()
}

/// Says a secret in one of the ways in which a plugin can say something.
fn say_secret(way: &str, secret: &str) -> Result<String, String> {
    // With the ends of the lines 8152 bytes: of 8 KiB, 40 are left for the beginning of a secret.
    let much = || {
        let lines = (0..63).map(|n| format!("much {n:02} {}", "x".repeat(119)));
        lines.chain(["x".repeat(87)])
    };
    match way {
        "say-message" => log::write(log::Level::Info, &format!("it is {secret}."), &[]),
        "say-quoted" => log::write(log::Level::Info, &format!("it is {secret:?}."), &[]),
        "say-field" => {
            let fields = [("secret".to_owned(), format!("it is {secret}."))];
            log::write(log::Level::Info, "said", &fields);
        }
        "say-out" => println!("it is {secret}."),
        // What stands behind the last end of a line may be written in a later call.
        "say-out-unfinished" => {
            print!("{secret}");
            println!();
            print!("{secret}");
        }
        "say-out-in-pieces" => {
            for piece in secret.as_bytes().chunks(7) {
                print!("{}", String::from_utf8_lossy(piece));
                std::io::Write::flush(&mut std::io::stdout()).map_err(|error| error.to_string())?;
            }
            println!();
        }
        "say-err" => eprintln!("it is {secret}."),
        "say-error" => return Err(format!("{}it is {secret}.", "x".repeat(900))),
        "say-panic" => panic!("it is {secret}."),
        // The beginning of standard error explains a failure, up to 4 KiB of it.
        "say-panic-after-much" => {
            eprintln!("much {}", "x".repeat(3984));
            panic!("it is {secret}.")
        }
        "say-out-after-much" => {
            much().for_each(|line| println!("{line}"));
            (0..8).for_each(|_| println!("{secret}"));
        }
        "say-err-after-much" => {
            much().for_each(|line| eprintln!("{line}"));
            (0..8).for_each(|_| eprintln!("{secret}"));
        }
        "say-figure" => metrics::count(secret, 1),
        other => return Err(format!("there is no {other}")),
    }
    Ok("said".into())
}

fn answer(started: Result<Pending, FetchError>) -> String {
    match started.and_then(|pending| pending.wait()) {
        Ok(fetched) => describe(&fetched),
        Err(error) => format!("{error:?}"),
    }
}

fn describe(fetched: &Fetched) -> String {
    format!(
        "{} {:?} {:?} {} {}",
        fetched.status(),
        fetched.field("x-path").map(text),
        fetched.field_names(),
        fetched.field_values("x-path").len(),
        text(fetched.body())
    )
}

fn get(target: &str) -> FetchRequest {
    FetchRequest {
        method: "GET".into(),
        target: target.into(),
        fields: Vec::new(),
        body: Vec::new(),
    }
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

thread_local! {
    /// Transforms that are alive in this instance.
    static ALIVE: Cell<u32> = const { Cell::new(0) };
}

struct Transform {
    kind: String,
    held: RefCell<Vec<u8>>,
}

impl Transform {
    fn of(kind: &str) -> Transform {
        ALIVE.set(ALIVE.get() + 1);
        Transform {
            kind: kind.into(),
            held: RefCell::default(),
        }
    }
}

impl Drop for Transform {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

impl origin_response::GuestTransform for Transform {
    fn push(&self, piece: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        match self.kind.as_str() {
            "upper" => Ok(vec![piece.to_ascii_uppercase()]),
            "hold" => {
                self.held.borrow_mut().extend(piece);
                Ok(Vec::new())
            }
            "sizes" => Ok(vec![format!("{} ", piece.len()).into_bytes(), Vec::new()]),
            "blow-up" => Ok(vec![vec![0; 1 << 20]; 2]),
            "burst" => Ok(vec![vec![0; 8 << 20]]),
            "error" => Err("cannot read this".into()),
            "panic" => panic!("push went wrong"),
            "loop" => loop {
                std::hint::black_box(0);
            },
            "kv" => Ok(vec![format!("{:?}", kv::get("a")?.map(text)).into_bytes()]),
            _ => Ok(vec![piece]),
        }
    }

    fn finish(&self) -> Result<Vec<Vec<u8>>, String> {
        match self.kind.as_str() {
            "hold" => Ok(vec![self.held.take(), b"!".to_vec()]),
            "alive" => Ok(vec![ALIVE.get().to_string().into_bytes()]),
            _ => Ok(Vec::new()),
        }
    }
}

struct Producer {
    kind: String,
    made: Cell<u32>,
}

impl origin_response::GuestProducer for Producer {
    fn next(&self) -> Result<Option<Vec<u8>>, String> {
        let n = self.made.replace(self.made.get() + 1);
        match self.kind.as_str() {
            "three" => Ok((n < 3).then(|| format!("piece {n};").into_bytes())),
            "endless" => Ok(Some(vec![b'x'; 1000])),
            "huge" => Ok(Some(vec![b'x'; 2 << 20])),
            "fails" if n > 0 => Err("no more".into()),
            _ => Ok(Some(Vec::new())),
        }
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
