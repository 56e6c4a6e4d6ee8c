//! Takes the plugin out of each page of the SDK's documentation.

use std::path::Path;

const PAGES: [&str; 7] = [
    "viewer-request",
    "cache-key",
    "origin-selection",
    "origin-request",
    "origin-response",
    "ttl",
    "viewer-response",
];

fn main() {
    let out = std::env::var("OUT_DIR").expect("cargo sets it");
    for page in PAGES {
        let path = format!("../../../../../sdk/docs/{page}.md");
        println!("cargo::rerun-if-changed={path}");
        let text = std::fs::read_to_string(&path).expect("the page is there");
        let (_, rest) = text.split_once("```rust\n").expect("a page has a plugin");
        let (plugin, _) = rest.split_once("\n```").expect("the plugin ends");
        let file = Path::new(&out).join(format!("{page}.rs"));
        std::fs::write(file, plugin).expect("it can be written");
    }
}
