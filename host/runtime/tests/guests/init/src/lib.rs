//! A plugin with `init`: it does to its instance what its configuration says.

use std::cell::Cell;

use exports::selvedge::edge::{cache_key, lifecycle};
use selvedge::edge::config;
use selvedge::edge::types::Request;

wit_bindgen::generate!({
    path: "../../../../../sdk/wit",
    inline: "
        package test:guest;
        world guest {
            import selvedge:edge/config@0.1.0;
            export selvedge:edge/cache-key@0.1.0;
            export selvedge:edge/lifecycle@0.1.0;
        }
    ",
    generate_all,
});

struct Guest;
export!(Guest);

thread_local! {
    static INITIALISED: Cell<u32> = const { Cell::new(0) };
}

impl lifecycle::Guest for Guest {
    fn init() -> Result<(), String> {
        match config::get("init").as_deref() {
            Some("refuse") => Err("`init` must not be \"refuse\"".into()),
            Some("panic") => panic!("init went wrong"),
            Some("loop") => loop {
                std::hint::black_box(0);
            },
            _ => {
                INITIALISED.with(|count| count.set(count.get() + 1));
                Ok(())
            }
        }
    }
}

impl cache_key::Guest for Guest {
    fn decide(_: &Request) -> Result<cache_key::Decision, String> {
        let count = INITIALISED.with(Cell::get).to_string();
        Ok(cache_key::Decision::Replace(vec![
            cache_key::KeyPart::Literal(count.into_bytes()),
        ]))
    }
}
