//! A plugin that does what the field `program` of the request tells it to: an interpreter of hostile programs. Each byte is an operation or
//! an argument; texts may hold any bytes, and handles any number.

mod program;

use std::cell::RefCell;

use exports::selvedge::edge::{
    cache_key, origin_request, origin_response, origin_selection, ttl, viewer_request,
    viewer_response,
};
use program::Program;
use selvedge::edge::fetch::{self, FetchRequest, Fetched, Pending};
use selvedge::edge::types::{Field, Request, Response, Scheme};
use selvedge::edge::{cache, config, kv, log, metrics, secrets};

wit_bindgen::generate!({
    path: "../../../../../sdk/wit",
    inline: "
        package test:guest;
        world guest {
            include selvedge:edge/imports@0.1.0;
            export selvedge:edge/viewer-request@0.1.0;
            export selvedge:edge/cache-key@0.1.0;
            export selvedge:edge/origin-selection@0.1.0;
            export selvedge:edge/origin-request@0.1.0;
            export selvedge:edge/origin-response@0.1.0;
            export selvedge:edge/ttl@0.1.0;
            export selvedge:edge/viewer-response@0.1.0;
        }
    ",
    generate_all,
});

struct Guest;
export!(Guest);

thread_local! {
    /// Handles that were kept, and some that never were.
    static KEPT: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
}

fn keep(handle: u32) {
    KEPT.with_borrow_mut(|kept| kept.push(handle));
}

/// A handle that may be gone, of another type, or made up.
fn any_handle(p: &mut Program) -> u32 {
    let n = p.number();
    KEPT.with_borrow(|kept| kept.get(n as usize).copied().unwrap_or(n))
}

/// Runs operations until the program says stop.
fn run(p: &mut Program, request: &Request, response: Option<&Response>) {
    for _ in 0..64 {
        if p.is_over() {
            return;
        }
        match p.byte() % 40 {
            0 => return,
            1 => drop(request.method()),
            2 => drop(request.host()),
            3 => drop((request.path(), request.query())),
            4 => drop(request.query_params()),
            5 => drop(request.query_param(&p.text())),
            6 => drop(request.field(&p.text())),
            7 => drop(request.field_values(&p.text())),
            8 => drop(request.field_names()),
            9 => drop(request.cookie(&p.text())),
            10 => drop(request.body(p.number())),
            11 => drop((request.viewer_address(), request.geo(&p.text()))),
            12 => drop((
                request.tls_version(),
                request.tls_cipher(),
                request.elapsed(),
            )),
            13 => drop((
                request.origin(),
                request.cache_status(),
                request.cache_key(),
            )),
            14 => drop(config::get(&p.text())),
            15 => drop(config::json()),
            16 => {
                let fields = p.list(|p| (p.text(), p.text()));
                log::write(log::Level::Warn, &p.text(), &fields);
            }
            17 => drop(kv::get(&p.text())),
            18 => drop(cache::get(&p.data())),
            19 => drop(cache::put(
                &p.data(),
                &p.data(),
                u64::from(p.number()),
                &p.list(Program::text),
            )),
            20 => drop(cache::invalidate(&p.text())),
            21 => metrics::count(&p.text(), u64::from(p.number())),
            22 => metrics::observe(&p.text(), f64::from_bits(u64::from(p.number()) << 32)),
            23 => drop(secrets::get(&p.text())),
            24 | 25 => start(p),
            26 => {
                // SAFETY: none; the host refuses what is no handle of this type.
                let pending = unsafe { Pending::from_handle(any_handle(p)) };
                if let Ok(fetched) = pending.wait() {
                    keep(fetched.take_handle());
                }
                keep(pending.take_handle());
            }
            27 => {
                let fetched = unsafe { Fetched::from_handle(any_handle(p)) };
                drop((fetched.status(), fetched.field(&p.text()), fetched.body()));
                keep(fetched.take_handle());
            }
            28 => drop(unsafe { Pending::from_handle(any_handle(p)) }),
            29 => drop(unsafe { Fetched::from_handle(any_handle(p)) }),
            30 => drop(unsafe { Request::from_handle(any_handle(p)) }),
            31 => {
                let forged = unsafe { Request::from_handle(any_handle(p)) };
                drop(forged.path());
                keep(forged.take_handle());
            }
            32 => {
                let forged = unsafe { Response::from_handle(any_handle(p)) };
                let _ = forged.status();
                keep(forged.take_handle());
            }
            33 => {
                if let Some(response) = response {
                    drop((
                        response.status(),
                        response.field(&p.text()),
                        response.origin(),
                    ));
                    drop((response.field_values(&p.text()), response.field_names()));
                }
            }
            34 => drop(std::time::Instant::now()),
            35 => drop(std::collections::HashMap::<u8, u8>::new()),
            36 => println!("{}", String::from_utf8_lossy(&p.data())),
            37 => drop(std::fs::read("/etc/passwd")),
            38 => panic!("as told"),
            39 => drop(cache::put_if(
                &p.data(),
                p.maybe(Program::data).as_deref(),
                &p.data(),
                u64::from(p.number()),
                &p.list(Program::text),
            )),
            _ => {}
        }
    }
}

fn start(p: &mut Program) {
    let request = FetchRequest {
        method: p.text(),
        target: p.text(),
        fields: p.list(Program::field),
        body: p.data(),
    };
    if let Ok(pending) = fetch::start(&p.text(), &request) {
        keep(pending.take_handle());
    }
}

impl viewer_request::Guest for Guest {
    fn handle(request: &Request) -> Result<viewer_request::Decision, String> {
        use viewer_request::Decision;
        let p = &mut Program::of(request);
        run(p, request, None);
        match p.byte() % 4 {
            0 => Ok(Decision::Next),
            1 => Ok(Decision::Edit(p.request_edits())),
            2 => Ok(Decision::Respond(p.response())),
            _ => p.error(),
        }
    }
}

impl origin_request::Guest for Guest {
    fn handle(request: &Request) -> Result<origin_request::Decision, String> {
        use origin_request::Decision;
        let p = &mut Program::of(request);
        run(p, request, None);
        match p.byte() % 4 {
            0 => Ok(Decision::Next),
            1 => Ok(Decision::Edit(p.request_edits())),
            2 => Ok(Decision::Respond(p.response())),
            _ => p.error(),
        }
    }
}

impl viewer_response::Guest for Guest {
    fn handle(request: &Request, response: &Response) -> Result<viewer_response::Decision, String> {
        use viewer_response::Decision;
        let p = &mut Program::of(request);
        run(p, request, Some(response));
        match p.byte() % 4 {
            0 => Ok(Decision::Next),
            1 => Ok(Decision::Edit(p.response_edits())),
            2 => Ok(Decision::Respond(p.response())),
            _ => p.error(),
        }
    }
}

impl cache_key::Guest for Guest {
    fn decide(request: &Request) -> Result<cache_key::Decision, String> {
        use cache_key::{Decision, KeyPart};
        let p = &mut Program::of(request);
        run(p, request, None);
        let part = |p: &mut Program| match p.byte() % 6 {
            0 => KeyPart::Path,
            1 => KeyPart::QueryOnly(p.list(Program::text)),
            2 => KeyPart::QueryExcept(p.list(Program::text)),
            3 => KeyPart::Field(p.text()),
            4 => KeyPart::Cookie(p.text()),
            _ => KeyPart::Literal(p.data()),
        };
        match p.byte() % 5 {
            0 => Ok(Decision::Policy),
            1 => Ok(Decision::Extend(p.list(part))),
            2 => Ok(Decision::Replace(p.list(part))),
            3 => Ok(Decision::Pass),
            _ => p.error(),
        }
    }
}

impl origin_selection::Guest for Guest {
    fn select(request: &Request) -> Result<origin_selection::Decision, String> {
        use origin_selection::{Decision, HostOrigin};
        let p = &mut Program::of(request);
        run(p, request, None);
        match p.byte() % 5 {
            0 => Ok(Decision::Policy),
            1 => Ok(Decision::Origin(p.text())),
            2 => Ok(Decision::Failover(p.list(Program::text))),
            3 => Ok(Decision::Host(HostOrigin {
                scheme: Scheme::Http,
                name: p.text(),
                port: p.maybe(|p| p.number() as u16),
            })),
            _ => p.error(),
        }
    }
}

impl ttl::Guest for Guest {
    fn decide(request: &Request, response: &Response) -> Result<ttl::Decision, String> {
        use ttl::{Decision, Settings};
        let p = &mut Program::of(request);
        run(p, request, Some(response));
        match p.byte() % 4 {
            0 => Ok(Decision::Policy),
            1 => Ok(Decision::Set(Settings {
                lifetime: p.maybe(|p| u64::from(p.number()) << 33),
                stale_while_revalidate: p.maybe(|p| u64::from(p.number())),
                stale_if_error: p.maybe(|p| u64::from(p.number())),
                tags: p.list(Program::text),
            })),
            2 => Ok(Decision::DontStore),
            _ => p.error(),
        }
    }
}

impl origin_response::Guest for Guest {
    type Transform = Stream;
    type Producer = Stream;

    fn handle(request: &Request, response: &Response) -> Result<origin_response::Decision, String> {
        use origin_response::{Decision, Produced, Producer, Transform, Transformed};
        let mut p = Program::of(request);
        run(&mut p, request, Some(response));
        match p.byte() % 7 {
            0 => Ok(Decision::Next),
            1 => Ok(Decision::Edit(p.response_edits())),
            2 => Ok(Decision::Respond(p.response())),
            3 => Ok(Decision::Ask(p.text())),
            4 => p.error(),
            5 => Ok(Decision::Transform(Transformed {
                edits: p.response_edits(),
                body: Transform::new(Stream(RefCell::new(p))),
            })),
            _ => Ok(Decision::Produce(Produced {
                edits: p.response_edits(),
                body: Producer::new(Stream(RefCell::new(p))),
            })),
        }
    }
}

/// A body by what is left of the program.
struct Stream(RefCell<Program>);

impl Stream {
    fn pieces(&self) -> Result<Vec<Vec<u8>>, String> {
        let mut p = self.0.borrow_mut();
        match p.byte() % 6 {
            0 => p.error(),
            1 => panic!("as told"),
            2 => {
                drop(unsafe { Pending::from_handle(any_handle(&mut p)) });
                Ok(Vec::new())
            }
            _ => Ok(p.list(Program::data)),
        }
    }
}

impl origin_response::GuestTransform for Stream {
    fn push(&self, _piece: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        self.pieces()
    }

    fn finish(&self) -> Result<Vec<Vec<u8>>, String> {
        self.pieces()
    }
}

impl origin_response::GuestProducer for Stream {
    fn next(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(self.pieces()?.pop())
    }
}
