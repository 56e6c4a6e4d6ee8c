//! Looking into a running host: `cache ls`, `explain`, and the socket that they use.

use selvedge_tests::*;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;

fn url(path: &str) -> String {
    format!("http://{ALIAS}{path}")
}

#[test]
fn cache_ls_lists_the_variants_of_a_url_and_whether_they_would_be_used() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .distribution(|one| one.top("tag_header = \"Surrogate-Key\""))
        .behavior(
            "cache = { query = { only = [\"x\"] } }\nforward = { headers = [\"Accept-Language\"] }",
        )
        .start();
    origin.on("/a").computes(|seen| {
        let language = seen.field("Accept-Language").unwrap_or_default();
        Answer::ok(language)
            .cache_control("max-age=60")
            .field("Surrogate-Key", "t1 t2")
            .field("Vary", "Accept-Language")
    });
    let ls = |path: &str| selvedge_on(&edge, &["cache", "ls", &url(path)]).code(0);
    ls("/a").prints("0 responses stored");
    edge.get("/a?x=1").with("Accept-Language", "de").expect(200);
    edge.advance(Secs(50));
    edge.get("/a?x=1").with("Accept-Language", "fr").expect(200);
    edge.get("/b").expect(404);
    ls("/a").prints("0 responses stored");
    ls("/a?x=1")
        .prints("2 responses stored")
        .prints("/a?x=1  200  2 bytes  tags t1,t2")
        .prints("key       distribution=main path=/a query=x=1")
        .prints("age       50 s of 60 s (max-age), ttl 10 s")
        .prints("vary      accept-language: de")
        .prints("used now  yes: fresh");
    edge.advance(Secs(20));
    ls("/a?x=1")
        .prints("used now  no: stale")
        .prints("used now  yes: fresh");
    // The key of a plain GET is looked up too.
    ls("/a?y=2&x=1").prints("2 responses stored");
    selvedge_on(&edge, &["invalidate", "main", "/a*"]).code(0);
    ls("/a?x=1").prints("used now  no: invalidated");
}

#[test]
fn cache_ls_refuses_what_is_no_url_of_this_host() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    selvedge_on(&edge, &["cache", "ls", "/a"])
        .code(2)
        .reports("not an absolute URL");
    selvedge_on(&edge, &["cache", "ls", "http://unknown.test/a"])
        .code(1)
        .reports("No distribution answers for this host name");
}

#[test]
fn explain_says_what_would_be_served_and_fetches_nothing() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .tables("[[behaviors]]\npath = \"/api/*\"\norigin = \"main\"\ncache_policy = \"CachingDisabled\"")
        .start();
    origin.on("/a").answers(
        Answer::ok("one")
            .field("ETag", "\"1\"")
            .cache_control("max-age=60"),
    );
    let explain = |path: &str| selvedge_on(&edge, &["explain", &url(path)]).code(0);
    let address = format!("main (http://{})", origin.address());
    explain("/a")
        .prints("distribution  main")
        .prints("behavior      *")
        .prints("key           distribution=main path=/a")
        .prints("nothing under this key")
        .prints(&address)
        .prints("outcome       miss: fetched from the origin (uri-miss)");
    explain("/api/x").prints("behavior      /api/*");
    assert!(origin.all_requests().is_empty(), "nothing was fetched");
    edge.get("/a").expect(200);
    explain("/a")
        .prints("selected")
        .prints("outcome       hit: answered from the cache (fresh)");
    edge.advance(Secs(61));
    explain("/a")
        .prints("outcome       validate:")
        .prints("(stale)");
    selvedge_on(&edge, &["explain", &url("/a"), "--method", "DELETE"])
        .code(0)
        .prints("outcome       refuse: refused with 403 (method-not-allowed)");
    selvedge_on(&edge, &["explain", "http://unknown.test/"])
        .code(0)
        .prints("unknown-host");
    selvedge_on(&edge, &["explain", &url("/a"), "-H", "no colon"]).code(2);
    assert_eq!(origin.all_requests().len(), 1);
}

#[test]
fn cache_ls_and_explain_know_slices() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("range_slices = \"64 KiB\"")
        .start();
    Object::new(150_000).at(&origin, "/a");
    let ask = || edge.get("/a").with("Range", "bytes=70000-70009");
    edge.eventually("the slice is stored", ask, |response| response.has("hit"));
    selvedge_on(&edge, &["cache", "ls", &url("/a")])
        .code(0)
        .prints("1 response stored")
        .prints("/a  206  65536 bytes (65536-131071/150000)")
        .prints("slice=1*65536")
        .prints("used now  yes: fresh");
    let explain = |range| {
        let field = format!("Range: bytes={range}");
        selvedge_on(&edge, &["explain", &url("/a"), "-H", &field]).code(0)
    };
    explain("70000-70009")
        .prints("selected      /a  206  65536 bytes (65536-131071/150000)")
        .prints("hit: answered from the cache (slices)");
    explain("0-9")
        .prints("stored        /a  206  65536 bytes (65536-131071/150000)")
        .prints("miss: fetched from the origin");
}

#[test]
fn explain_runs_the_cache_key_hooks() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .plugin("keys", &guests::guest("keys"), "")
        .start();
    let explain = |path: &str, more: &[&str]| {
        selvedge_on(&edge, &[&["explain", &url(path)], more].concat()).code(0)
    };
    explain("/field", &["-H", "X-Device: phone"])
        .prints("cache-key     keys: extend [field X-Device]")
        .prints("field:x-device=phone");
    explain("/replace", &[])
        .prints("keys: replace ['all the same']")
        .prints("literal=all the same");
    explain("/pass", &[])
        .prints("outcome       pass:")
        .prints("(plugin-pass)");
    assert!(origin.all_requests().is_empty());
}

#[test]
fn explain_sees_a_fetch_under_way() {
    let (origin, gate) = (Origin::start(), Gate::new());
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(Answer::ok("one").waits(&gate));
    let mut viewer = edge.get("/a").start();
    gate.wait_for_arrivals(1);
    selvedge_on(&edge, &["explain", &url("/a")])
        .code(0)
        .prints("outcome       collapse:");
    gate.open();
    viewer.response().expect(200);
}

#[test]
fn the_key_is_shown_only_where_the_server_file_allows_it_and_the_request_asks() {
    let origin = Origin::start();
    origin
        .on("/a")
        .answers(Answer::ok("one").cache_control("max-age=60"));
    for allowed in [false, true] {
        let edge = Edge::in_front_of(&origin)
            .server(&format!("debug_fields = {allowed}"))
            .start();
        let key = "key=\"distribution=main path=/a\"";
        edge.get("/a").expect(200).no_cache_status(key);
        let asked = edge.get("/a").with("Selvedge-Debug", "key").expect(200);
        assert_eq!(asked.has(key), allowed, "{asked:?}");
    }
}

/// An exchange on the admin socket.
fn ask(edge: &Edge, request: &str) -> String {
    let mut stream =
        UnixStream::connect(edge.folder().join("store/admin.sock")).expect("the host listens");
    stream
        .write_all(request.as_bytes())
        .expect("the host reads");
    let mut answer = String::new();
    stream
        .read_to_string(&mut answer)
        .expect("the host answers and closes");
    answer
}

fn post(edge: &Edge, path: &str, body: &str) -> String {
    let length = body.len();
    ask(
        edge,
        &format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
        ),
    )
}

#[test]
fn the_socket_is_its_owners_and_goes_with_the_host() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    let socket = edge.folder().join("store/admin.sock");
    let mode = |path: &std::path::Path| {
        std::fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode(&socket), 0o600);
    edge.kill();
    assert!(socket.exists(), "nobody could remove it");
    selvedge_on(&edge, &["explain", &url("/a")])
        .code(1)
        .reports("no host runs");
    let mut edge = edge.restart();
    selvedge_on(&edge, &["explain", &url("/a")]).code(0);
    edge.terminate();
    assert!(!edge.folder().join("store/admin.sock").exists());
}

#[test]
fn a_file_in_the_sockets_place_is_left_alone() {
    let origin = Origin::start();
    let dir = Edge::in_front_of(&origin)
        .server("socket = \"precious\"")
        .write();
    let precious = dir.path().join("precious");
    std::fs::write(&precious, "data").expect("the folder is ours");
    let file = dir.path().join("selvedge.toml");
    run(["run".as_ref(), "--config".as_ref(), file.as_os_str()])
        .code(1)
        .reports("precious")
        .reports("no socket");
    assert_eq!(
        std::fs::read_to_string(&precious).expect("it is there"),
        "data"
    );
}

#[test]
fn two_hosts_do_not_share_a_socket() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let taken = edge.folder().join("store/admin.sock");
    Edge::in_front_of(&origin)
        .server(&format!("socket = {taken:?}"))
        .run_in_vain()
        .code(1)
        .reports("another program listens");
    selvedge_on(&edge, &["explain", &url("/a")]).code(0);
}

#[test]
fn the_socket_answers_wrong_questions_helpfully() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    for (answer, status, words) in [
        (
            ask(
                &edge,
                "GET /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            ),
            "404",
            "/v1/explain",
        ),
        (
            ask(
                &edge,
                "GET /v1/explain HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            ),
            "405",
            "POST",
        ),
        (
            ask(
                &edge,
                "GET /v1/cache HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
            ),
            "400",
            "url=URL",
        ),
        (post(&edge, "/v1/invalidations", "{"), "400", "JSON"),
        (
            post(
                &edge,
                "/v1/invalidations",
                "{\"distribution\":\"main\",\"path\":[]}",
            ),
            "400",
            "unknown field `path`",
        ),
        (
            post(&edge, "/v1/invalidations", "{\"distribution\":\"main\"}"),
            "400",
            "nothing to invalidate",
        ),
        (
            post(
                &edge,
                "/v1/explain",
                "{\"url\":\"http://x/\",\"method\":\"G T\"}",
            ),
            "400",
            "not a method",
        ),
    ] {
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")),
            "{answer}"
        );
        assert!(answer.contains(words), "{words}: {answer}");
    }
    let too_many: Vec<String> = (0..3001).map(|n| format!("\"/{n}\"")).collect();
    let body = format!(
        "{{\"distribution\":\"main\",\"paths\":[{}]}}",
        too_many.join(",")
    );
    let answer = post(&edge, "/v1/invalidations", &body);
    assert!(answer.contains("at most 3000"), "{answer}");
    let done = post(
        &edge,
        "/v1/invalidations",
        "{\"distribution\":\"main\",\"paths\":[\"/a\"]}",
    );
    assert!(done.contains("\"kept\":1"), "{done}");
}
