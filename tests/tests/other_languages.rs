//! A plugin that is not written in Rust: built by its own toolchain from the contract, run by the same host.

use selvedge_tests::*;
use std::io::Write;
use std::process::Command;

/// Returns true if a program can be started. If it can't, the test that needs it says so and how to get it.
fn is_there(program: &str, how_to_get_it: &str) -> bool {
    let there = Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !there {
        // Straight to the terminal: what a test prints is hidden where it passes.
        let _ = writeln!(
            std::io::stderr(),
            "skipped: there is no {program} here; get it with: {how_to_get_it}"
        );
    }
    there
}

#[test]
fn a_plugin_in_python_decides_the_key() {
    if !is_there("python3", "apt-get install python3")
        || !is_there("componentize-py", "pip install componentize-py==0.25.1")
    {
        return;
    }
    // The store in the example's folder may hold answers of an earlier run: what is asked for here is new in each.
    let page = format!("/?run={}", std::process::id());
    let mut dev = Background::start(workspace(), ["dev", "examples/python"]);
    let address = dev.wait_for("address", |line| {
        line.strip_prefix("listening http://")?.trim().parse().ok()
    });
    let get = |languages: &str| {
        Ask::new(address, "GET", &page)
            .host("localhost")
            .with("Accept-Language", languages)
    };
    let german = get("de").expect(200).cache_status("fwd=uri-miss");
    assert!(german.text().contains("Guten Tag"), "{german:?}");
    get("de-AT,de;q=0.9,en;q=0.5")
        .expect(200)
        .cache_status("hit")
        .body(&german.content);
    get("en;q=0.4, de;q=0.8").expect(200).cache_status("hit");
    get("fr").expect(200).cache_status("fwd=uri-miss");
    get("xx").expect(200).cache_status("fwd=uri-miss");
    get("en").expect(200).cache_status("hit");
    let line = dev.wait_for_line("language=fr");
    assert!(line.contains("cache-key(language)"), "{line}");
    assert_eq!(dev.interrupt().code, Some(0));
}
