//! Does in each hook what the path asks for: `/key/loop`, `/origin/panic`, `/ttl/allocate`, and so on.

use selvedge_sdk::prelude::*;
use std::hint::black_box;

#[cache_key]
fn key(request: &Request) -> Result<KeyDecision> {
    misbehave(request, "/key/").map(|()| KeyDecision::Policy)
}

#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    if request.path() == "/origin/unknown" {
        return Ok(OriginDecision::origin("nowhere"));
    }
    misbehave(request, "/origin/").map(|()| OriginDecision::Policy)
}

#[ttl]
fn lifetime(request: &Request, _response: &Response) -> Result<TtlDecision> {
    misbehave(request, "/ttl/").map(|()| TtlDecision::Policy)
}

fn misbehave(request: &Request, hook: &str) -> Result<()> {
    match request.path().strip_prefix(hook) {
        Some("error") => Err(Error::from("the moon is wrong")),
        Some("loop") => loop {
            black_box(());
        },
        Some("allocate") => {
            let mut all = Vec::new();
            loop {
                all.push(black_box(vec![1_u8; 16 << 20]));
            }
        }
        Some("panic") => panic!("the sun is wrong"),
        Some("recurse") => {
            black_box(recurse(black_box(1)));
            Ok(())
        }
        Some("chatter") => loop {
            black_box(request.field("User-Agent"));
        },
        _ => Ok(()),
    }
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[(depth % 64) as usize]
}
