//! A plugin whose next read depends on what the reads before gave, and whose answers depend on everything that its instance
//! has seen. It says all of it in its decision, so that a decision that was given in the wrong place shows.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use exports::selvedge::edge::{cache_key, origin_selection, ttl};
use selvedge::edge::types::{Request, Response, Scheme};
use selvedge::edge::{config, log};

wit_bindgen::generate!({
    path: "../../../../../sdk/wit",
    inline: "
        package test:guest;
        world guest {
            import selvedge:edge/config@0.1.0;
            import selvedge:edge/log@0.1.0;
            export selvedge:edge/cache-key@0.1.0;
            export selvedge:edge/origin-selection@0.1.0;
            export selvedge:edge/ttl@0.1.0;
        }
    ",
    generate_all,
});

struct Guest;
export!(Guest);

/// The state of this instance, as one number.
static SEEN: AtomicU64 = AtomicU64::new(1);

fn mix(state: u64, text: &str) -> u64 {
    text.bytes().fold(state, |state, byte| {
        (state ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Reads one thing after another; says what it read and what the instance had seen before.
fn walk(request: &Request, hook: &str) -> String {
    let before = SEEN.load(Relaxed);
    let mut state = mix(14_695_981_039_346_656_037, hook);
    let mut said = format!("{hook} after {before:x}:");
    for _ in 0..5 {
        let read = read(request, state >> 7);
        state = mix(state, &read);
        said.push_str(&read);
        said.push(';');
        if (state >> 9) % 6 == 0 {
            break;
        }
    }
    SEEN.store(mix(before, &said), Relaxed);
    said
}

fn read(request: &Request, which: u64) -> String {
    match which % 17 {
        0 => request.method(),
        1 => match request.scheme() {
            Scheme::Http => "http".into(),
            Scheme::Https => "https".into(),
        },
        2 => request.host(),
        3 | 4 => request.path(),
        5 => format!("{:?}", request.query()),
        6 => format!("{:?}", request.query_param("a")),
        7 => format!("{:?}", request.query_param("b")),
        8 => format!("{:?}", request.field("accept")),
        9 => format!("{:?}", request.field_values("x-one")),
        10 => format!("{:?}", request.field("x-two")),
        11 => format!("{:?}", request.field_names()),
        12 => format!("{:?}", request.cookie("group")),
        13 => request.viewer_address(),
        14 => match request.path().len() % 4 {
            // What may not be remembered.
            0 => request.request_id(),
            1 => {
                log::write(log::Level::Trace, "a line", &[]);
                "logged".into()
            }
            2 => {
                std::hint::black_box(std::time::Instant::now());
                "clock".into()
            }
            _ => {
                let map = std::collections::HashMap::<u8, u8>::new();
                format!("random {}", map.len())
            }
        },
        15 => format!("{:?}", request.geo("country")),
        _ => format!("{:?} {:?}", request.query_params(), config::get("word")),
    }
}

impl cache_key::Guest for Guest {
    fn decide(request: &Request) -> Result<cache_key::Decision, String> {
        let said = walk(request, "cache-key");
        if said.len() % 11 == 0 {
            return Err(said);
        }
        Ok(cache_key::Decision::Extend(vec![
            cache_key::KeyPart::Literal(said.into_bytes()),
        ]))
    }
}

impl origin_selection::Guest for Guest {
    fn select(request: &Request) -> Result<origin_selection::Decision, String> {
        let said = walk(request, "origin-selection");
        if said.len() % 13 == 0 {
            panic!("{said}");
        }
        Ok(origin_selection::Decision::Origin(said))
    }
}

impl ttl::Guest for Guest {
    fn decide(request: &Request, _: &Response) -> Result<ttl::Decision, String> {
        Ok(ttl::Decision::Set(ttl::Settings {
            lifetime: Some(1),
            stale_while_revalidate: None,
            stale_if_error: None,
            tags: vec![walk(request, "ttl")],
        }))
    }
}
