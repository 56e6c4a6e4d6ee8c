//! A plugin whose `init` leaves in its instance, or does to it, what its configuration says; its hook tells what it finds.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use exports::selvedge::edge::{cache_key, lifecycle};
use selvedge::edge::types::Request;
use selvedge::edge::{config, kv, log, metrics};

wit_bindgen::generate!({
    path: "../../../../../sdk/wit",
    inline: "
        package test:guest;
        world guest {
            include selvedge:edge/imports@0.1.0;
            export selvedge:edge/cache-key@0.1.0;
            export selvedge:edge/lifecycle@0.1.0;
        }
    ",
    generate_all,
});

struct Guest;
export!(Guest);

thread_local! {
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
    static MAP: RefCell<HashMap<u32, u32>> = RefCell::default();
    static INITIALISED: Cell<u32> = const { Cell::new(0) };
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

fn keep(text: String) {
    TEXT.with(|kept| *kept.borrow_mut() = text);
}

impl lifecycle::Guest for Guest {
    fn init() -> Result<(), String> {
        INITIALISED.with(|count| count.set(count.get() + 1));
        match config::get("init").as_deref() {
            Some("config") => keep(config::json()),
            Some("much") => keep("x".repeat(3 << 20)),
            Some("hash") => MAP.with(|map| map.borrow_mut().extend((0..8).map(|n| (n, n)))),
            Some("clock") => keep(format!("{:?}", std::time::SystemTime::now())),
            Some("elapsed") => keep(format!("{:?}", std::time::Instant::now())),
            Some("stderr") => eprintln!("from init"),
            Some("unwritten") => print!("unwritten, "),
            Some("log") => log::write(log::Level::Info, "from init", &[]),
            Some("env") => keep(std::env::vars().count().to_string()),
            Some("files") => keep(std::fs::read("/x").is_err().to_string()),
            Some("kv") => keep(format!("{:?}", kv::get("key").map(|_| ()))),
            Some("metrics") => drop(metrics::count("init", 1)),
            Some("refused") => {
                let mut much: Vec<u8> = Vec::new();
                keep(much.try_reserve(1 << 30).is_err().to_string());
            }
            _ => {}
        }
        Ok(())
    }
}

impl cache_key::Guest for Guest {
    fn decide(request: &Request) -> Result<cache_key::Decision, String> {
        CALLS.with(|calls| calls.set(calls.get() + 1));
        let mut said = format!("init {}, call {}", INITIALISED.get(), CALLS.get());
        TEXT.with(|text| {
            let text = text.borrow();
            said += &format!(", {} bytes {:.60}", text.len(), *text);
        });
        if request.path() == "/allocate" {
            said += &format!(", {}", "y".repeat(1 << 20).len());
        }
        if request.path() == "/stderr" {
            eprintln!("from the hook");
            println!("from the hook");
        }
        Ok(cache_key::Decision::Replace(vec![
            cache_key::KeyPart::Literal(said.into_bytes()),
        ]))
    }
}
