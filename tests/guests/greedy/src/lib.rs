//! Takes more than it may of what the path names: a limit, as the configuration spells it.

use selvedge_sdk::prelude::*;
use std::hint::black_box;

#[viewer_request]
fn take(request: &Request) -> Result<ViewerRequestDecision> {
    match request.path().as_str() {
        "/cpu" => loop {
            black_box(());
        },
        "/wall" => std::thread::sleep(Duration::from_secs(30)),
        "/memory" => drop(black_box(vec![1_u8; 64 << 20])),
        "/host_calls" => {
            for _ in 0..10_000 {
                black_box(request.method());
            }
        }
        "/passed_bytes" => drop(request.field_text(&"x".repeat(100_000))),
        "/output_bytes" => {
            return Ok(RequestEdits::new()
                .set("x-large", "x".repeat(50_000))
                .into());
        }
        "/body_bytes" => return Ok(SyntheticResponse::new(200).text("x".repeat(100_000)).into()),
        "/fetches" => {
            for _ in 0..20 {
                drop(fetch::get("/").start("unused"));
            }
        }
        "/stack" => _ = black_box(recurse(black_box(1))),
        "/log_lines" => {
            for line in 0..20 {
                log::info!("line {line}");
            }
        }
        "/log_bytes" => log::info!("{}", "long ".repeat(2000)),
        _ => {}
    }
    Ok(SyntheticResponse::new(200).text("enough").into())
}

#[expect(unconditional_recursion, reason = "that is the point")]
fn recurse(depth: u64) -> u64 {
    let frame = black_box([depth; 64]);
    recurse(depth + 1) + frame[(depth % 64) as usize]
}
