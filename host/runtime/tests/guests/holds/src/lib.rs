//! A plugin whose `init` makes a body, which its hook returns.

use std::cell::RefCell;

use exports::selvedge::edge::{lifecycle, origin_response};
use selvedge::edge::types::{Request, Response, ResponseEdits};

wit_bindgen::generate!({
    path: "../../../../../sdk/wit",
    inline: "
        package test:guest;
        world guest {
            export selvedge:edge/origin-response@0.1.0;
            export selvedge:edge/lifecycle@0.1.0;
        }
    ",
    generate_all,
});

struct Guest;
export!(Guest);

struct Body;

thread_local! {
    static HELD: RefCell<Option<origin_response::Producer>> = const { RefCell::new(None) };
}

impl lifecycle::Guest for Guest {
    fn init() -> Result<(), String> {
        HELD.set(Some(origin_response::Producer::new(Body)));
        Ok(())
    }
}

impl origin_response::GuestProducer for Body {
    fn next(&self) -> Result<Option<Vec<u8>>, String> {
        Ok(None)
    }
}

impl origin_response::GuestTransform for Body {
    fn push(&self, _: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        Ok(Vec::new())
    }

    fn finish(&self) -> Result<Vec<Vec<u8>>, String> {
        Ok(Vec::new())
    }
}

impl origin_response::Guest for Guest {
    type Transform = Body;
    type Producer = Body;

    fn handle(_: &Request, _: &Response) -> Result<origin_response::Decision, String> {
        let edits = ResponseEdits {
            status: None,
            fields: Vec::new(),
        };
        let body = HELD.take().ok_or("nothing is held")?;
        Ok(origin_response::Decision::Produce(
            origin_response::Produced { edits, body },
        ))
    }
}
