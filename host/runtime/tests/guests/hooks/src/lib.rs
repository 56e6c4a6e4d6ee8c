//! A plugin with three hooks. What `cache-key` does depends on the request's path, so that one file serves all tests.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use exports::selvedge::edge::{cache_key, origin_selection, ttl};
use selvedge::edge::types::{HttpVersion, Request, Response, Scheme};
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

use cache_key::{Decision as Key, KeyPart};

impl cache_key::Guest for Guest {
    fn decide(request: &Request) -> Result<Key, String> {
        match request.path().as_str() {
            "/extend" => Ok(Key::Extend(vec![
                KeyPart::Path,
                KeyPart::QueryOnly(vec!["id".into()]),
                KeyPart::QueryExcept(vec!["utm_*".into()]),
                KeyPart::Field("accept".into()),
                KeyPart::Cookie("group".into()),
                KeyPart::Literal(b"\xff\x00".to_vec()),
            ])),
            "/replace" => Ok(Key::Replace(vec![KeyPart::Path])),
            "/pass" => Ok(Key::Pass),
            "/facts" => text(facts(request)),
            "/config" => text(format!(
                "{:?} {}",
                config::get("device.mobile"),
                config::json()
            )),
            "/device" => device(request),
            "/count" => text(count()),
            "/log" => logs(),
            "/error" => Err("no such tenant\r\nforged: line".into()),
            "/panic" => panic!("boom: {}", 7),
            "/exit" => std::process::exit(3),
            "/loop" => endless(),
            "/allocate" => allocate(),
            "/try-allocate" => try_allocate(),
            "/recurse" => text(recurse(1)),
            "/recurse-wide" => text(recurse_wide(1)),
            "/huge" => Ok(Key::Extend(vec![KeyPart::Literal(vec![7; 32 << 20])])),
            "/large" => Ok(Key::Extend(vec![KeyPart::Literal(vec![7; 65 << 10])])),
            "/many" => Ok(Key::Extend(vec![KeyPart::Path; 20_000])),
            "/flood" => loop {
                request.method();
            },
            "/flood-bytes" => loop {
                request.field(&"x".repeat(10_000));
            },
            "/flood-one" => {
                request.field(&"x".repeat(8 << 20));
                Ok(Key::Policy)
            }
            "/flood-clock" => loop {
                std::hint::black_box(std::time::Instant::now());
            },
            "/flood-log" => {
                for n in 0..5000 {
                    log::write(log::Level::Info, &format!("line {n}"), &[]);
                }
                Ok(Key::Policy)
            }
            "/flood-print" => {
                for _ in 0..50 {
                    println!("{}", "p".repeat(10_000));
                }
                Ok(Key::Policy)
            }
            "/sleep" => {
                std::thread::sleep(std::time::Duration::from_secs(20));
                Ok(Key::Policy)
            }
            "/nap" => {
                std::thread::sleep(std::time::Duration::from_millis(20));
                Ok(Key::Policy)
            }
            "/outside" => text(outside()),
            "/scribble" => text(scribble()),
            path if path.starts_with("/mine/") => text(mine(request)),
            "/random" => text(std::collections::HashMap::<u8, u8>::new().len()),
            _ => Ok(Key::Policy),
        }
    }
}

fn text(value: impl ToString) -> Result<Key, String> {
    Ok(Key::Replace(vec![KeyPart::Literal(
        value.to_string().into_bytes(),
    )]))
}

/// The work of a plugin for device classes. The benchmark measures it.
fn device(request: &Request) -> Result<Key, String> {
    let agent = request.field("user-agent").unwrap_or_default();
    let class = if agent.windows(6).any(|w| w == b"Mobile") {
        "mobile"
    } else {
        "desktop"
    };
    let language = request.field("accept-language").unwrap_or_default();
    Ok(Key::Extend(vec![
        KeyPart::QueryExcept(vec!["utm_*".into()]),
        KeyPart::Literal(class.into()),
        KeyPart::Literal(language.into_iter().take(2).collect()),
    ]))
}

fn facts(request: &Request) -> String {
    let text = |value: Option<Vec<u8>>| value.map(|v| String::from_utf8_lossy(&v).into_owned());
    let version = match request.http_version() {
        HttpVersion::Http10 => "1.0",
        HttpVersion::Http11 => "1.1",
        HttpVersion::Http2 => "2",
        HttpVersion::Http3 => "3",
    };
    let scheme = match request.scheme() {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    let lines = [
        format!("method={}", request.method()),
        format!("scheme={scheme}"),
        format!("host={}", request.host()),
        format!("query={:?}", request.query()),
        format!("params={:?}", request.query_params()),
        format!(
            "param={:?} {:?}",
            request.query_param("q"),
            request.query_param("absent")
        ),
        format!(
            "field={:?} {:?}",
            text(request.field("Accept")),
            text(request.field("not a name"))
        ),
        format!("lines={:?}", request.field_values("accept").len()),
        format!("names={:?}", request.field_names()),
        format!(
            "cookie={:?} {:?}",
            text(request.cookie("group")),
            text(request.cookie("none"))
        ),
        format!("body={:?}", request.body(10).is_err()),
        format!(
            "viewer={} {}",
            request.viewer_address(),
            request.viewer_port()
        ),
        format!("version={version}"),
        format!("tls={:?} {:?}", request.tls_version(), request.tls_cipher()),
        format!("geo={:?}", request.geo("country")),
        format!(
            "ids={} {} {}",
            request.request_id(),
            request.distribution(),
            request.edge()
        ),
        format!("origin={:?}", request.origin()),
        format!(
            "cache={:?} {:?} {:?}",
            request.cache_status(),
            request.cache_age(),
            request.cache_key()
        ),
        format!("elapsed={}", request.elapsed() > 0),
    ];
    lines.join("\n")
}

/// Takes a sum of all its memory, and tells of bytes that are not zero in 8 MiB of new memory; leaves its mark everywhere there.
fn scribble() -> String {
    const PAGES: usize = 128;
    let sum = sum_of_memory();
    let first = core::arch::wasm32::memory_grow::<0>(PAGES);
    if first == usize::MAX {
        return "no memory".into();
    }
    let place = std::ptr::with_exposed_provenance_mut::<u8>(first << 16);
    // SAFETY: these pages are new, so nobody else uses them.
    let new = unsafe { std::slice::from_raw_parts_mut(place, PAGES << 16) };
    let found = new.iter().filter(|byte| **byte != 0).count();
    new.fill(0xa5);
    format!("{found} {sum:x}")
}

/// Of everything from the stack to the end of the heap.
fn sum_of_memory() -> u64 {
    let end = core::arch::wasm32::memory_size::<0>() << 16;
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    for place in (8..end).step_by(8) {
        let place = std::ptr::with_exposed_provenance::<u64>(place);
        // SAFETY: it is within the memory, and aligned.
        let word = unsafe { place.read_volatile() };
        sum = (sum ^ word).wrapping_mul(0x100_0000_01b3);
    }
    sum
}

/// Reads the same facts before and after a nap, in which others are asked.
fn mine(request: &Request) -> String {
    let read = || {
        format!(
            "{} {:?} {}",
            request.path(),
            request.query(),
            request.request_id()
        )
    };
    let before = read();
    std::thread::sleep(std::time::Duration::from_millis(2));
    let after = read();
    if before == after {
        after
    } else {
        format!("{before}, then {after}")
    }
}

/// How often this instance was asked.
fn count() -> u32 {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    CALLS.fetch_add(1, Relaxed) + 1
}

fn logs() -> Result<Key, String> {
    log::write(
        log::Level::Warn,
        "a warning\nwith a second line",
        &[("tenant".into(), "acme".into())],
    );
    println!("printed");
    eprintln!("complained");
    print!("unfinished");
    std::io::Write::flush(&mut std::io::stdout()).unwrap();
    Ok(Key::Policy)
}

fn endless() -> ! {
    let mut n = 0_u64;
    loop {
        n = std::hint::black_box(n.wrapping_add(1));
    }
}

/// 4 GiB in pieces.
fn allocate() -> Result<Key, String> {
    let pieces: Vec<Vec<u8>> = (0..64).map(|_| vec![1; 64 << 20]).collect();
    text(pieces.len())
}

/// A plugin that can live with less memory.
fn try_allocate() -> Result<Key, String> {
    let mut large: Vec<u8> = Vec::new();
    text(large.try_reserve(1 << 30).is_err())
}

fn recurse(depth: u64) -> u64 {
    if std::hint::black_box(depth) == 0 {
        0
    } else {
        recurse(depth + 1).wrapping_add(depth)
    }
}

fn recurse_wide(depth: u64) -> u64 {
    let frame = std::hint::black_box([depth as u8; 8 << 10]);
    if std::hint::black_box(depth) == 0 {
        0
    } else {
        recurse_wide(depth + 1) + u64::from(frame[7])
    }
}

/// Everything that leads out of the sandbox.
fn outside() -> String {
    let file = std::fs::read("/etc/passwd")
        .map(|_| ())
        .map_err(|e| e.kind());
    let made = std::fs::write("made-by-a-plugin", "x").map_err(|e| e.kind());
    let listed = std::fs::read_dir(".").map(|_| ()).map_err(|e| e.kind());
    let environment = std::env::vars().count();
    let arguments = std::env::args().count();
    let socket = std::net::TcpStream::connect("127.0.0.1:80")
        .map(|_| ())
        .map_err(|e| e.kind());
    let input = std::io::Read::read(&mut std::io::stdin(), &mut [0; 8]).ok();
    format!("{file:?} {made:?} {listed:?} {environment} {arguments} {socket:?} {input:?}")
}

impl origin_selection::Guest for Guest {
    fn select(request: &Request) -> Result<origin_selection::Decision, String> {
        use origin_selection::{Decision, HostOrigin};
        Ok(match request.path().as_str() {
            "/origin" => Decision::Origin("canary".into()),
            "/failover" => Decision::Failover(vec!["main".into(), "spare".into()]),
            "/host" => Decision::Host(HostOrigin {
                scheme: Scheme::Https,
                name: "tenant.test".into(),
                port: Some(8443),
            }),
            "/count" => Decision::Origin(count().to_string()),
            _ => Decision::Policy,
        })
    }
}

impl ttl::Guest for Guest {
    fn decide(request: &Request, response: &Response) -> Result<ttl::Decision, String> {
        if request.path() == "/facts" {
            let lines = response.field_values("cache-control").len();
            let field = response
                .field("content-type")
                .map(|v| String::from_utf8_lossy(&v).into_owned());
            let (status, origin) = (response.status(), response.origin());
            return Err(format!(
                "{status} {field:?} {lines} {:?} {origin:?}",
                response.field_names()
            ));
        }
        Ok(match request.path().as_str() {
            "/set" => ttl::Decision::Set(ttl::Settings {
                lifetime: Some(60),
                stale_while_revalidate: None,
                stale_if_error: Some(600),
                tags: vec!["product-1".into()],
            }),
            "/dont-store" => ttl::Decision::DontStore,
            _ => ttl::Decision::Policy,
        })
    }
}
