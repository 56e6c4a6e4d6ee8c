//! A plugin that needs the key-value store.

use exports::selvedge::edge::cache_key;
use selvedge::edge::kv;
use selvedge::edge::types::Request;

wit_bindgen::generate!({
    path: "../../../../../sdk/wit",
    inline: "
        package test:guest;
        world guest {
            import selvedge:edge/kv@0.1.0;
            export selvedge:edge/cache-key@0.1.0;
        }
    ",
    generate_all,
});

struct Guest;
export!(Guest);

impl cache_key::Guest for Guest {
    fn decide(_: &Request) -> Result<cache_key::Decision, String> {
        kv::get("x").map(|_| cache_key::Decision::Policy)
    }
}
