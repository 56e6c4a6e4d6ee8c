//! `selvedge dev`: builds, starts, serves, and takes every change while it runs.

use selvedge_tests::*;
use std::net::SocketAddr;
use std::path::Path;

/// Where it serves, once it does.
#[track_caller]
fn address(dev: &Background) -> SocketAddr {
    dev.wait_for("address", |line| {
        line.strip_prefix("listening http://")?.trim().parse().ok()
    })
}

#[test]
fn the_quickstart_shows_all_three_hooks_at_work() {
    let mut dev = Background::start(workspace(), ["dev", "examples/quickstart"]);
    let address = address(&dev);
    // A store may be left over from an earlier run; what is asked for here is new in each run.
    let run = format!("run={}", std::process::id());
    let get = |target: &str| Ask::new(address, "GET", target).host("localhost");
    let page = format!("/?{run}");
    get(&page)
        .expect(200)
        .cache_status("fwd=uri-miss")
        .cache_status("ttl=10");
    get(&page)
        .expect(200)
        .cache_status("hit")
        .field_contains("Cache-Control", "60");
    get(&page)
        .with("User-Agent", "iPhone")
        .expect(200)
        .cache_status("fwd=uri-miss");
    get(&page)
        .with("User-Agent", "Android Mobile")
        .expect(200)
        .cache_status("hit");
    get(&format!("/?a=1&{run}&b=2"))
        .expect(200)
        .cache_status("fwd=uri-miss");
    get(&format!("/?b=2&utm_source=mail&{run}&a=1"))
        .expect(200)
        .cache_status("hit");
    let canary = get(&page)
        .with("X-Canary", "1")
        .expect(200)
        .cache_status("fwd=uri-miss")
        .says("canary");
    get(&page)
        .with("Cookie", "canary=1")
        .expect(200)
        .cache_status("hit")
        .body(&canary.content);
    let main = get(&page).expect(200).cache_status("hit");
    assert!(!main.text().contains("canary"), "{main:?}");
    get(&format!("/silent?{run}"))
        .expect(200)
        .cache_status("ttl=86400");
    get(&format!("/images/mark.svg?{run}"))
        .expect(200)
        .cache_status("ttl=2592000");
    get(&format!("/private?{run}"))
        .expect(200)
        .no_cache_status("stored");
    let line = dev.wait_for_line("| origin canary");
    assert!(
        line.contains("cache-key") && line.contains("uri-miss"),
        "{line}"
    );
    assert!(dev.output().contains("curl -si"), "{}", dev.output());
    assert_eq!(dev.interrupt().code, Some(0));
}

/// A folder for `dev` with a plugin that makes everything live this long.
fn project(origin: &Origin) -> tempfile::TempDir {
    let dir = Edge::in_front_of(origin)
        .plugin("lives", Path::new("../lives/lives.wasm"), "")
        .write();
    run_in(dir.path(), ["plugin", "new", "lives", "--hook", "ttl"]).code(0);
    write_plugin(dir.path(), "Duration::from_secs(5)");
    dir
}

fn write_plugin(dir: &Path, lifetime: &str) {
    let source = format!(
        "use selvedge_sdk::prelude::*;\n\n#[ttl]\nfn life(_: &Request, _: &Response) -> Result<TtlDecision> {{\n    \
         Ok(TtlDecision::lifetime({lifetime}))\n}}\n"
    );
    std::fs::write(dir.join("lives/src/lib.rs"), source).expect("the folder is ours");
}

#[test]
fn a_changed_plugin_is_rebuilt_and_a_broken_one_leaves_the_one_before() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let dir = project(&origin);
    let dev = Background::start(dir.path(), ["dev", "."]);
    let address = address(&dev);
    let get = |target: &str| Ask::new(address, "GET", target).expect(200);
    get("/1").cache_status("ttl=5");
    write_plugin(dir.path(), "no_such_function()");
    dev.wait_for_line("no_such_function");
    dev.wait_for_line("the one before stays");
    get("/2").cache_status("ttl=5");
    write_plugin(dir.path(), "Duration::from_secs(77)");
    dev.wait_for_line("rebuilt in");
    let number = std::cell::Cell::new(3);
    eventually("the new plugin decides", || {
        number.set(number.get() + 1);
        get(&format!("/{}", number.get())).has("ttl=77")
    });
}

#[test]
fn what_plugins_log_and_where_they_panic_is_shown_with_their_decisions() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let dir = Edge::in_front_of(&origin)
        .plugin("tells", Path::new("../tells/tells.wasm"), "")
        .write();
    run_in(
        dir.path(),
        ["plugin", "new", "tells", "--hook", "cache-key"],
    )
    .code(0);
    let source = "use selvedge_sdk::prelude::*;\n\n#[cache_key]\nfn key(request: &Request) -> Result<KeyDecision> {\n    \
         log::debug!(\"thinking of {}\", request.path());\n    \
         if request.path() == \"/panic\" {\n        panic!(\"the sun is wrong\");\n    }\n    \
         if request.path() == \"/error\" {\n        return Err(Error::from(\"the moon is wrong\"));\n    }\n    \
         Ok(KeyDecision::extend([KeyPart::literal(\"half\")]))\n}\n";
    std::fs::write(dir.path().join("tells/src/lib.rs"), source).expect("the folder is ours");
    let dev = Background::start(dir.path(), ["dev", "."]);
    let address = address(&dev);
    Ask::new(address, "GET", "/a").expect(200);
    dev.wait_for_line("thinking of /a");
    let line = dev.wait_for_line("GET /a ");
    assert!(
        line.contains("cache-key(tells) ") && line.contains("us extend ['half']"),
        "{line}"
    );
    Ask::new(address, "GET", "/panic").expect(500);
    dev.wait_for_line("panicked at src/lib.rs:7:9: the sun is wrong");
    Ask::new(address, "GET", "/error").expect(500);
    let line = dev.wait_for_line("GET /error ");
    assert!(
        line.contains("error: guest-error: the plugin returned an error: the moon is wrong"),
        "{line}"
    );
}

#[test]
fn a_changed_configuration_is_taken_and_a_bad_one_is_shown() {
    let origin = Origin::start();
    origin.on("*").answers(Answer::ok("x"));
    let dir = Edge::in_front_of(&origin).write();
    let dev = Background::start(dir.path(), ["dev", "."]);
    let address = address(&dev);
    let file = dir.path().join("distributions/main.toml");
    let good = std::fs::read_to_string(&file).expect("it is written");
    std::fs::write(&file, format!("no_such_key = 1\n{good}")).expect("the folder is ours");
    dev.wait_for_line("no_such_key");
    Ask::new(address, "GET", "/a").expect(200);
    std::fs::write(&file, good.replace(ALIAS, "other.example.test")).expect("the folder is ours");
    eventually("the new alias answers", || {
        Ask::new(address, "GET", "/a")
            .host("other.example.test")
            .send()
            .status()
            == 200
    });
}

#[test]
fn a_taken_port_is_answered_with_the_next_free_one() {
    let (origin, taken) = (
        Origin::start(),
        std::net::TcpListener::bind("127.0.0.1:0").expect("a free port"),
    );
    let port = taken.local_addr().expect("it has an address").port();
    let dir = Edge::in_front_of(&origin).write();
    let file = dir.path().join("selvedge.toml");
    let text = std::fs::read_to_string(&file).expect("it is written");
    let text = text.replacen("127.0.0.1:0", &format!("127.0.0.1:{port}"), 1);
    std::fs::write(&file, text).expect("the folder is ours");
    let dev = Background::start(dir.path(), ["dev", "."]);
    let address = address(&dev);
    assert!(address.port() > port, "{address}");
    dev.wait_for_line(&port.to_string());
    Ask::new(address, "GET", "/a").expect(404);
}

#[test]
fn a_folder_without_a_server_file_is_refused_with_2() {
    let dir = tempfile::TempDir::with_prefix("selvedge-dev-").expect("a temporary folder");
    run_in(dir.path(), ["dev", "."])
        .code(2)
        .reports("selvedge.toml");
}
