//! Does at each hook what its configuration says: `viewer-request = "path /b; set X-A 1"`. Steps are separated by `; `, their
//! words by spaces. A step `when PATH` ends the list where the request's path does not begin so.

use exports::selvedge::edge::{
    cache_key, origin_request, origin_response, origin_selection, ttl, viewer_request,
    viewer_response,
};
use selvedge::edge::fetch::{FetchRequest, start};
use selvedge::edge::types::{
    Field, FieldEdit, Request, RequestEdits, Response, ResponseEdits, Scheme, SyntheticResponse,
};
use selvedge::edge::{cache, config, kv, log, metrics, secrets};
use std::cell::{Cell, RefCell};

wit_bindgen::generate!({
    path: "../../../sdk/wit",
    inline: "
        package test:acts;
        world acts {
            include selvedge:edge/imports@0.1.0;
            export selvedge:edge/viewer-request@0.1.0;
            export selvedge:edge/cache-key@0.1.0;
            export selvedge:edge/origin-selection@0.1.0;
            export selvedge:edge/origin-request@0.1.0;
            export selvedge:edge/origin-response@0.1.0;
            export selvedge:edge/ttl@0.1.0;
            export selvedge:edge/viewer-response@0.1.0;
            export selvedge:edge/lifecycle@0.1.0;
        }
    ",
    generate_all,
});

struct Acts;
export!(Acts);

/// The result of a hook's steps.
#[derive(Default)]
struct Made {
    path: Option<String>,
    query: Option<String>,
    body: Option<Vec<u8>>,
    status: Option<u16>,
    fields: Vec<FieldEdit>,
    respond: Option<SyntheticResponse>,
    stream: Option<String>,
    ask: Option<String>,
}

impl Made {
    fn nothing(&self) -> bool {
        self.path.is_none()
            && self.query.is_none()
            && self.body.is_none()
            && self.status.is_none()
            && self.fields.is_empty()
    }

    fn request(self) -> RequestEdits {
        RequestEdits {
            path: self.path,
            query: self.query,
            fields: self.fields,
            body: self.body,
        }
    }

    fn response(self) -> ResponseEdits {
        ResponseEdits {
            status: self.status,
            fields: self.fields,
        }
    }
}

fn field(name: &str, value: &str) -> Field {
    Field {
        name: name.to_owned(),
        value: value.as_bytes().to_vec(),
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Carries out the steps of a hook.
fn act(hook: &str, request: &Request, response: Option<&Response>) -> Result<Made, String> {
    let status = response.map(Response::status);
    let mut made = Made::default();
    let steps = config::get(hook).unwrap_or_default();
    for step in steps.split("; ") {
        let mut words = step.splitn(3, ' ');
        let mut word = || words.next().unwrap_or_default();
        let (what, first, second) = (word(), word(), word());
        let number = || {
            first
                .parse::<u16>()
                .map_err(|_| format!("{step}: no number"))
        };
        match what {
            "" => {}
            "when" if request.path().starts_with(first) => {}
            "when-status" if status == number().ok() => {}
            "when" | "when-status" => break,
            "path" => made.path = Some(first.to_owned()),
            "query" => made.query = Some(first.to_owned()),
            "query-of-secret" => made.query = secrets::get(first).map(text),
            "body" => made.body = Some(first.as_bytes().to_vec()),
            "double-body" => made.body = Some(request.body(1 << 20)?.repeat(2)),
            "set" => made.fields.push(FieldEdit::Set(field(first, second))),
            "append" => made.fields.push(FieldEdit::Append(field(first, second))),
            "remove" => made.fields.push(FieldEdit::Remove(first.to_owned())),
            "copy" => {
                let value = text(request.field(first).unwrap_or_default());
                made.fields.push(FieldEdit::Set(field(second, &value)));
            }
            "status" => made.status = Some(number()?),
            "respond" => {
                made.respond = Some(SyntheticResponse {
                    status: number()?,
                    fields: std::mem::take(&mut made.fields)
                        .into_iter()
                        .filter_map(|edit| match edit {
                            FieldEdit::Set(field) | FieldEdit::Append(field) => Some(field),
                            FieldEdit::Remove(_) => None,
                        })
                        .collect(),
                    body: second.as_bytes().to_vec(),
                });
            }
            "transform" | "produce" => made.stream = Some(step.to_owned()),
            "ask" => made.ask = Some(first.to_owned()),
            "fail" => return Err("as it was told".to_owned()),
            "panic" => panic!("as it was told"),
            "say" => {
                let told = tell(first, second, request, response)?;
                log::write(log::Level::Info, &format!("{hook} {first} {told}"), &[]);
            }
            // Leaves the handle of the request to nobody.
            "hold" => _ = request.take_handle(),
            "tell" => {
                let told = tell(first, second, request, response)?;
                made.fields
                    .push(FieldEdit::Append(field(&format!("x-{first}"), &told)));
            }
            "count" => metrics::count(first, second.parse().unwrap_or(1)),
            "observe" => metrics::observe(first, second.parse().unwrap_or(1.0)),
            "put" => cache::put(
                first.as_bytes(),
                second.as_bytes(),
                60,
                &["acts".to_owned()],
            )?,
            "invalidate" => cache::invalidate(first)?,
            other => return Err(format!("unknown step {other}")),
        }
    }
    Ok(made)
}

/// The answer of a reader or an import, as text.
fn tell(
    what: &str,
    of: &str,
    request: &Request,
    response: Option<&Response>,
) -> Result<String, String> {
    Ok(match what {
        "kv" => kv::get(of)?.map_or("none".to_owned(), text),
        "secret" => secrets::get(of).map_or("none".to_owned(), text),
        "cached" => cache::get(of.as_bytes())?.map_or("none".to_owned(), text),
        "cache-status" => request.cache_status().unwrap_or_else(|| "none".to_owned()),
        "cache-age" => request
            .cache_age()
            .map_or("none".to_owned(), |age| age.to_string()),
        "cache-key" => request.cache_key().unwrap_or_else(|| "none".to_owned()),
        "origin" => request.origin().unwrap_or_else(|| "none".to_owned()),
        "response-origin" => response
            .and_then(Response::origin)
            .unwrap_or_else(|| "none".to_owned()),
        // Several at once: `geo country,city`.
        "geo" => {
            let facts = of.split(',').map(|name| request.geo(name));
            let facts = facts.map(|fact| fact.unwrap_or_else(|| "none".to_owned()));
            facts.collect::<Vec<_>>().join(" | ")
        }
        "elapsed" => (request.elapsed() > 0).to_string(),
        "now" => {
            let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            now.map_or(0, |now| now.as_secs()).to_string()
        }
        "path" => request.path(),
        "host" => text(request.field("host").unwrap_or_default()),
        "body" => request
            .body(of.parse().unwrap_or(1 << 20))
            .map_or_else(|why| why, text),
        "fetch" => {
            // Several at once: `fetch api=/a,api=/b`.
            let started: Vec<_> = of
                .split(',')
                .map(|one| {
                    let (backend, target) = one.split_once('=').unwrap_or((one, "/"));
                    start(
                        backend,
                        &FetchRequest {
                            method: "GET".to_owned(),
                            target: target.to_owned(),
                            fields: vec![field("x-from", "acts")],
                            body: Vec::new(),
                        },
                    )
                })
                .collect();
            let answers =
                started
                    .into_iter()
                    .map(|started| match started.and_then(|one| one.wait()) {
                        Ok(fetched) => format!("{} {}", fetched.status(), text(fetched.body())),
                        Err(error) => format!("{error:?}"),
                    });
            answers.collect::<Vec<_>>().join(", ")
        }
        other => return Err(format!("nothing to tell of {other}")),
    })
}

impl exports::selvedge::edge::lifecycle::Guest for Acts {
    fn init() -> Result<(), String> {
        match config::get("init").as_deref() {
            Some("spin") => loop {
                std::hint::black_box(());
            },
            Some("panic") => panic!("the moon is wrong"),
            _ => {}
        }
        match config::get("refuse") {
            Some(why) => Err(why),
            None => Ok(()),
        }
    }
}

impl viewer_request::Guest for Acts {
    fn handle(request: &Request) -> Result<viewer_request::Decision, String> {
        use viewer_request::Decision;
        let mut made = act("viewer-request", request, None)?;
        Ok(match made.respond.take() {
            Some(response) => Decision::Respond(response),
            None if made.nothing() => Decision::Next,
            None => Decision::Edit(made.request()),
        })
    }
}

impl cache_key::Guest for Acts {
    fn decide(request: &Request) -> Result<cache_key::Decision, String> {
        act("cache-key", request, None)?;
        let secret = config::get("key-of-secret").and_then(|name| secrets::get(&name));
        let field = config::get("key").map(cache_key::KeyPart::Field);
        Ok(match secret.map(cache_key::KeyPart::Literal).or(field) {
            Some(part) => cache_key::Decision::Extend(vec![part]),
            None => cache_key::Decision::Policy,
        })
    }
}

impl origin_selection::Guest for Acts {
    fn select(request: &Request) -> Result<origin_selection::Decision, String> {
        use origin_selection::{Decision, HostOrigin};
        let made = act("origin-selection", request, None)?;
        let Some(host) = config::get("host") else {
            return Ok(made.ask.map_or(Decision::Policy, Decision::Origin));
        };
        let (name, port) = host.split_once(':').unwrap_or((&host, "80"));
        Ok(Decision::Host(HostOrigin {
            scheme: Scheme::Http,
            name: name.to_owned(),
            port: port.parse().ok(),
        }))
    }
}

impl origin_request::Guest for Acts {
    fn handle(request: &Request) -> Result<origin_request::Decision, String> {
        use origin_request::Decision;
        let mut made = act("origin-request", request, None)?;
        Ok(match made.respond.take() {
            Some(response) => Decision::Respond(response),
            None if made.nothing() => Decision::Next,
            None => Decision::Edit(made.request()),
        })
    }
}

impl origin_response::Guest for Acts {
    type Transform = Transform;
    type Producer = Producer;

    fn handle(request: &Request, response: &Response) -> Result<origin_response::Decision, String> {
        use origin_response::{Decision, Produced, Transformed};
        let mut made = act("origin-response", request, Some(response))?;
        if let Some(response) = made.respond.take() {
            return Ok(Decision::Respond(response));
        }
        if let Some(origin) = made.ask.take() {
            return Ok(Decision::Ask(origin));
        }
        let stream = made.stream.take();
        Ok(
            match stream
                .as_deref()
                .map(|stream| stream.split_once(' ').unwrap_or((stream, "")))
            {
                Some(("transform", how)) => Decision::Transform(Transformed {
                    edits: made.response(),
                    body: origin_response::Transform::new(Transform {
                        how: how.to_owned(),
                        pieces: Cell::new(0),
                    }),
                }),
                Some((_, pieces)) => Decision::Produce(Produced {
                    edits: made.response(),
                    body: origin_response::Producer::new(Producer {
                        left: Cell::new(pieces.parse().unwrap_or(1)),
                    }),
                }),
                None if made.nothing() => Decision::Next,
                None => Decision::Edit(made.response()),
            },
        )
    }
}

/// Makes letters large; `same` leaves all as it is; `fail N` gives up after so many pieces; `hold` gives everything at the end.
struct Transform {
    how: String,
    pieces: Cell<u32>,
}

thread_local! {
    static HELD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl origin_response::GuestTransform for Transform {
    fn push(&self, piece: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        self.pieces.set(self.pieces.get() + 1);
        let limit = self.how.strip_prefix("fail ").and_then(|n| n.parse().ok());
        if limit.is_some_and(|limit| self.pieces.get() > limit) {
            return Err("enough".to_owned());
        }
        if self.how == "hold" {
            HELD.with_borrow_mut(|held| held.extend(piece));
            return Ok(Vec::new());
        }
        if self.how == "same" {
            return Ok(vec![piece]);
        }
        Ok(vec![piece.to_ascii_uppercase()])
    }

    fn finish(&self) -> Result<Vec<Vec<u8>>, String> {
        if self.how == "same" {
            return Ok(Vec::new());
        }
        let held = HELD.with_borrow_mut(std::mem::take);
        Ok(vec![held, b"[end]".to_vec()])
    }
}

/// Counts down.
struct Producer {
    left: Cell<u32>,
}

impl origin_response::GuestProducer for Producer {
    fn next(&self) -> Result<Option<Vec<u8>>, String> {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        Ok((left > 0).then(|| format!("{left} ").into_bytes()))
    }
}

impl ttl::Guest for Acts {
    fn decide(request: &Request, response: &Response) -> Result<ttl::Decision, String> {
        act("ttl", request, Some(response))?;
        Ok(ttl::Decision::Policy)
    }
}

impl viewer_response::Guest for Acts {
    fn handle(request: &Request, response: &Response) -> Result<viewer_response::Decision, String> {
        use viewer_response::Decision;
        let mut made = act("viewer-response", request, Some(response))?;
        Ok(match made.respond.take() {
            Some(response) => Decision::Respond(response),
            None if made.nothing() => Decision::Next,
            None => Decision::Edit(made.response()),
        })
    }
}
