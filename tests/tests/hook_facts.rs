//! Facts that hooks read, work that is not theirs, and stored responses that other plugins have made.

use selvedge_tests::guests::guest;
use selvedge_tests::*;
use std::fs;
use std::path::Path;
use std::time::Duration;

fn with(origin: &Origin, file: &Path, lines: &str) -> EdgeBuilder {
    Edge::in_front_of(origin)
        .behavior("allowed_methods = \"any\"")
        .plugin("acts", file, lines)
}

fn acting(config: &str) -> String {
    format!("[plugins.config]\n{config}")
}

#[test]
fn the_chosen_origin_is_read_at_every_hook_after_the_choice() {
    let (origin, archive) = (Origin::start(), Origin::start());
    let address = archive.address();
    let config = acting(
        "origin-selection = \"say origin; when /old; ask archive\"\n\
         origin-request = \"tell origin; tell cache-status\"\n\
         origin-response = \"tell origin; tell response-origin; when /missing; when-status 404; ask archive\"\n\
         ttl = \"say origin; say response-origin\"\n\
         viewer-response = \"tell origin; tell response-origin\"",
    );
    let edge = with(&origin, &guest("acts"), &config)
        .tables(&format!(
            "[[origins]]\nid = \"archive\"\ndomain = \"127.0.0.1\"\nhttp_port = {}",
            address.port()
        ))
        .start();
    let page = || Answer::ok("x").cache_control("max-age=60");
    origin.on("/new").answers(page());
    archive.on("/old").answers(page());
    archive.on("/missing").answers(page());
    for (path, chosen) in [
        ("/new", "main"),
        ("/old", "archive"),
        ("/missing", "archive"),
    ] {
        // Of origin-response and of viewer-response.
        edge.get(path)
            .expect(200)
            .field_contains("X-Origin", chosen)
            .field_contains("X-Response-Origin", chosen);
        let said = edge.wait_for_log(&format!("ttl origin {chosen}"));
        assert!(said.to_string().contains("acts"), "{said}");
        edge.wait_for_log(&format!("ttl response-origin {chosen}"));
    }
    edge.wait_for_log("origin-selection origin none");
    let seen = archive.request("/old");
    assert_eq!(seen.field("X-Origin").as_deref(), Some("archive"));
    assert_eq!(seen.field("X-Cache-Status").as_deref(), Some("uri-miss"));
}

/// A plugin with other bytes: a custom section more.
fn rebuilt(file: &Path) {
    let mut module = fs::read(file).expect("it is there");
    module.extend([0, 2, 1, b'x']);
    let new = file.with_extension("new");
    fs::write(&new, module).expect("the folder is ours");
    fs::rename(new, file).expect("the folder is ours");
}

#[test]
fn a_plugin_with_other_bytes_has_what_it_made_fetched_anew() {
    let origin = Origin::start();
    let folder = tempfile::TempDir::with_prefix("selvedge-facts-").expect("a temporary folder");
    let file = folder.path().join("acts.wasm");
    fs::copy(guest("acts"), &file).expect("the folder is ours");
    let config = acting("origin-response = \"when /page; transform\"");
    let mut edge = with(&origin, &file, &config).start();
    let page = Answer::ok("page").cache_control("max-age=60");
    origin.on("*").answers(page.field("ETag", "\"1\"").or_304());
    edge.get("/page").expect(200).body("PAGE[end]");
    edge.get("/page").expect(200).cache_status("hit");
    rebuilt(&file);
    edge.reload();
    edge.eventually(
        "what the other plugin made is not used any more",
        || edge.get("/page"),
        |response| !response.has("hit"),
    );
    // The whole was fetched: a 304 would have kept the old body.
    let last = origin.requests("/page").pop().expect("it was asked");
    assert_eq!(last.field("If-None-Match"), None);
    assert_eq!(origin.requests("/page").len(), 2);
    edge.get("/page")
        .expect(200)
        .body("PAGE[end]")
        .cache_status("hit");
    // An origin that fails meanwhile does no harm.
    let mut stale = edge.restart();
    stale.get("/page").expect(200).cache_status("hit");
    rebuilt(&file);
    stale.reload();
    stale.get("/page").expect(200);
}

#[test]
fn an_origin_that_compresses_is_asked_not_to_where_a_plugin_changes_bodies() {
    let origin = Origin::start();
    let config = acting("origin-response = \"when /page; transform\"");
    let edge = with(&origin, &guest("acts"), &config)
        .cache("accept_encoding = [\"gzip\", \"br\"]")
        .start();
    origin.on("*").computes(|seen| {
        let takes = seen.field("Accept-Encoding").unwrap_or("gzip".into());
        let stubborn = seen.path() == "/stubborn";
        let page = match takes.contains("gzip") || stubborn {
            true => Answer::ok("\u{1f}packed").field("Content-Encoding", "gzip"),
            false => Answer::ok("page"),
        };
        page.field("Vary", "Accept-Encoding")
            .cache_control("max-age=60")
    });
    let get = |path: &str, takes: &str| edge.get(path).with("Accept-Encoding", takes);
    get("/page", "gzip, deflate, br")
        .expect(200)
        .body("PAGE[end]")
        .no_field("Content-Encoding");
    // One variant for all: the origin was asked the same for everybody.
    for takes in ["", "identity", "br;q=0.5, gzip"] {
        get("/page", takes)
            .expect(200)
            .body("PAGE[end]")
            .cache_status("hit");
    }
    let asked = origin.request("/page").field("Accept-Encoding");
    assert_eq!(asked.as_deref(), Some("identity"));
    // What passes the cache flows through the plugin, too.
    edge.post("/page", "x")
        .with("Accept-Encoding", "gzip")
        .expect(200)
        .body("PAGE[end]");
    // One that compresses all the same: passed as it is, logged and counted.
    get("/stubborn", "gzip")
        .expect(200)
        .field("Content-Encoding", "gzip");
    edge.wait_for_log("asked for `identity`");
    assert_eq!(
        edge.metric_sum("selvedge_encoded_responses_total", "origin=\"main\""),
        1.0
    );
}

#[test]
fn viewers_that_send_their_bodies_slowly_do_not_short_circuit_a_plugin() {
    let origin = Origin::start();
    let config = format!(
        "limits = {{ wall = \"100 ms\" }}\nshort_circuit = {{ failures = 1, calls = 1 }}\n{}",
        acting("viewer-request = \"double-body\"")
    );
    let edge = with(&origin, &guest("acts"), &config).start();
    origin.on("*").answers(Answer::ok("ok"));
    let head = format!(
        "POST /form HTTP/1.1\r\nHost: {ALIAS}\r\nContent-Length: 4\r\nConnection: close\r\n\r\n"
    );
    let mut slow = edge.sent(format!("{head}ab"));
    // Longer than the plugin's own time.
    std::thread::sleep(Duration::from_millis(400));
    slow.send("cd");
    let response = slow.response();
    assert_eq!(response.status(), 200, "{response:?}");
    // A viewer that leaves in the middle says nothing of the plugin either.
    drop(edge.sent(format!("{head}ab")));
    edge.post("/form", "wxyz").expect(200);
    assert_eq!(origin.requests("/form").len(), 2);
    let labels = "outcome=\"wall-limit\"";
    assert_eq!(edge.metric_sum("selvedge_hook_calls_total", labels), 0.0);
}

#[test]
fn a_plugin_hears_that_its_backend_did_not_answer_in_time() {
    let (origin, backend) = (Origin::start(), Origin::start());
    let lines = format!(
        "fetch = {{ api = {{ url = \"http://{}\", allow_private = true }} }}\n\
         limits = {{ wall = \"500 ms\" }}\n{}",
        backend.address(),
        acting("viewer-response = \"tell fetch api=/slow\"")
    );
    let edge = with(&origin, &guest("acts"), &lines).start();
    origin.on("*").answers(Answer::ok("ok"));
    backend.on("*").answers(Answer::silence());
    edge.get("/")
        .expect(200)
        .field_contains("X-Fetch", "TimedOut");
}
