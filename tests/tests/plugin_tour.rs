//! A plugin from nothing to the first request: `plugin new`, `plugin build`, `check`, `run`. Each test names its
//! plugin differently: they share a target directory, and cargo tells them apart by name.

use selvedge_tests::*;
use std::path::Path;

fn folder() -> tempfile::TempDir {
    tempfile::TempDir::with_prefix("selvedge-tour-").expect("a temporary folder")
}

#[test]
fn a_new_plugin_builds_and_decides() {
    let dir = folder();
    run_in(dir.path(), ["plugin", "new", "my-plugin"])
        .code(0)
        .prints("plugin build");
    run_in(dir.path(), ["plugin", "build", "my-plugin"])
        .code(0)
        .prints("my-plugin.wasm");
    run_in(dir.path(), ["plugin", "test", "my-plugin"])
        .code(0)
        .prints("3 passed, 0 failed");
    let file = dir.path().join("my-plugin/my-plugin.wasm");
    let origin = Origin::start();
    let edge = || {
        Edge::in_front_of(&origin).plugin("my-plugin", &file, "[plugins.config]\npage_seconds = 42")
    };
    edge().check().code(0);
    let edge = edge().start();
    origin
        .on("*")
        .answers(Answer::ok("x").field("Content-Type", "text/html"));
    edge.get("/a?id=1&utm_source=mail")
        .expect(200)
        .cache_status("ttl=42");
    edge.get("/a?utm_source=other&id=1")
        .expect(200)
        .cache_status("hit");
}

#[test]
fn a_new_plugin_may_begin_with_every_hook() {
    let dir = folder();
    let hooks = [
        "viewer-request",
        "cache-key",
        "origin-selection",
        "origin-request",
        "origin-response",
        "ttl",
        "viewer-response",
    ];
    let asked = hooks.iter().flat_map(|hook| ["--hook", hook]);
    let command = ["plugin", "new", "every-hook"].into_iter().chain(asked);
    run_in(dir.path(), command).code(0);
    run_in(dir.path(), ["plugin", "build", "every-hook"]).code(0);
    run_in(dir.path(), ["plugin", "test", "every-hook"])
        .code(0)
        .prints("7 passed, 0 failed");
    let origin = Origin::start();
    Edge::in_front_of(&origin)
        .plugin(
            "every-hook",
            &dir.path().join("every-hook/every-hook.wasm"),
            "",
        )
        .check()
        .code(0);
}

#[test]
fn a_written_hook_is_built_in_the_projects_own_folder() {
    let dir = folder();
    run_in(
        dir.path(),
        [
            "plugin",
            "new",
            "written",
            "--hook",
            "ttl",
            "--path",
            "elsewhere",
        ],
    )
    .code(0);
    let project = dir.path().join("elsewhere");
    let source = "use selvedge_sdk::prelude::*;\n\n#[ttl]\nfn life(_: &Request, _: &Response) -> Result<TtlDecision> {\n    Ok(TtlDecision::lifetime(Duration::from_secs(5)))\n}\n";
    std::fs::write(project.join("src/lib.rs"), source).expect("the folder is ours");
    run_in(&project, ["plugin", "build"]).code(0);
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .plugin("written", &project.join("written.wasm"), "")
        .start();
    origin.on("/a").answers(Answer::ok("x"));
    edge.get("/a").expect(200).cache_status("ttl=5");
}

#[test]
fn a_plugin_that_does_not_compile_is_shown_with_1() {
    let dir = folder();
    run_in(dir.path(), ["plugin", "new", "broken", "--hook", "ttl"]).code(0);
    std::fs::write(dir.path().join("broken/src/lib.rs"), "this is no Rust\n")
        .expect("the folder is ours");
    run_in(dir.path(), ["plugin", "build", "broken"])
        .code(1)
        .reports("src/lib.rs:1");
}

#[test]
fn a_name_that_cannot_be_a_package_is_refused_with_2() {
    let dir = folder();
    run_in(dir.path(), ["plugin", "new", "No Plugin"])
        .code(2)
        .reports("No Plugin");
    assert!(is_empty(dir.path()));
}

#[test]
fn a_folder_that_is_not_empty_stays_as_it_is() {
    let dir = folder();
    std::fs::create_dir(dir.path().join("mine")).expect("the folder is ours");
    std::fs::write(dir.path().join("mine/notes"), "x").expect("the folder is ours");
    run_in(dir.path(), ["plugin", "new", "mine"])
        .code(2)
        .reports("mine");
    assert!(!dir.path().join("mine/Cargo.toml").exists());
}

fn is_empty(folder: &Path) -> bool {
    std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_none())
}
