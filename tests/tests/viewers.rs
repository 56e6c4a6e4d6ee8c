//! The viewer's side of a connection: who asks, what it may say, how it leaves.

use selvedge_tests::*;
use std::ffi::OsString;
use std::os::unix::net::UnixStream;

const ALL_FIELDS: &str = "forward = { headers = \"all\", query = \"all\" }\nallowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]";

#[test]
fn a_target_that_should_have_been_encoded_is_encoded() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("*").computes(|seen| Answer::ok(seen.target()));
    for (sent, seen) in [
        ("/s?q=Zürich", "/s?q=Z%C3%BCrich"),
        ("/s?q=\"<b>\"", "/s?q=%22%3Cb%3E%22"),
        ("/Zürich/<b>?x", "/Z%C3%BCrich/%3Cb%3E?x"),
    ] {
        for cached in ["miss", "hit"] {
            let request = format!("GET {sent} HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n");
            let response = edge.sent(request).response().expect(200);
            assert_eq!(response.text(), seen, "{sent} {cached}");
        }
    }
    edge.sent(format!("GET /a#b HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"))
        .response()
        .expect(400);
}

#[test]
fn a_viewer_that_leaves_before_the_head_has_an_access_line_and_is_counted() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let gate = Gate::new();
    origin.on("*").answers(Answer::ok("late").waits(&gate));
    for (path, resets) in [("/resets", true), ("/closes", false)] {
        let viewer = edge.get(path).start();
        gate.wait_for_arrivals(1);
        match resets {
            true => viewer.abort(),
            false => drop(viewer),
        }
        let access = edge.access(path);
        assert_eq!(access["status"], 0, "{access}");
        assert_eq!(access["reason"], "viewer-left", "{access}");
        assert_eq!(access["aborted"], true, "{access}");
    }
    let left = edge.metric_sum("selvedge_requests_total", "status=\"0\"");
    assert_eq!(left, 2.0);
    gate.open();
}

#[test]
fn a_viewer_that_ends_its_sending_side_still_gets_its_answer() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let gate = Gate::new();
    origin.on("/slow").answers(Answer::ok("late").waits(&gate));
    let mut viewer = edge.get("/slow").start();
    viewer.finish_sending();
    // The first byte of the response comes before the rest: so the edge finds out that this viewer has not left.
    assert_eq!(viewer.bytes(1), b"H");
    gate.open();
    assert_eq!(viewer.bytes(16), b"TTP/1.1 200 OK\r\n");
    let mut viewer = edge.get("/slow").start();
    viewer.finish_sending();
    viewer.response().expect(200).body("late");
}

#[test]
fn a_trusted_proxy_says_who_asks_and_how() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .server(
            "trusted_proxies = [\"127.0.0.2/32\", \"10.0.0.0/8\"]\nmax_connections_per_address = 1",
        )
        .behavior(
            "forward = { headers = [\"X-Forwarded-Proto\"] }\ncache_policy = \"CachingDisabled\"",
        )
        .start();
    origin.on("*").answers(Answer::ok("x"));
    let ask = |path: &str, source: [u8; 4]| {
        edge.get(path)
            .from(source)
            .with("X-Forwarded-For", "1.1.1.1, 192.0.2.7:99, 10.1.2.3")
            .with("X-Forwarded-Proto", "https")
    };
    let _first = ask("/held", [127, 0, 0, 2]).start();
    ask("/trusted", [127, 0, 0, 2]).expect(200);
    assert_eq!(edge.access("/trusted")["viewer"], "192.0.2.7:99");
    let seen = origin.request("/trusted");
    let chain = seen.field("X-Forwarded-For");
    assert_eq!(chain.as_deref(), Some("1.1.1.1, 192.0.2.7"));
    assert_eq!(seen.field("X-Forwarded-Proto").as_deref(), Some("https"));
    ask("/untrusted", [127, 0, 0, 3]).expect(200);
    let viewer = edge.access("/untrusted")["viewer"].to_string();
    assert!(viewer.contains("127.0.0.3:"), "{viewer}");
    let seen = origin.request("/untrusted");
    let chain = seen.field("X-Forwarded-For");
    assert_eq!(
        chain.as_deref(),
        Some("1.1.1.1, 192.0.2.7:99, 10.1.2.3, 127.0.0.3")
    );
    assert_eq!(seen.field("X-Forwarded-Proto").as_deref(), Some("http"));
}

#[test]
fn fields_that_only_the_edge_may_set_never_reach_the_origin() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(ALL_FIELDS).start();
    origin.on("*").answers(Answer::ok("x"));
    let names = [
        "CloudFront-Viewer-Country",
        "Selvedge-Viewer",
        "Client-Cert",
        "Client-Cert-Chain",
        "Client_Cert",
        "X_Forwarded_For",
        "Transfer_Encoding",
        "Content_Length",
    ];
    for method in ["GET", "POST", "HEAD"] {
        let path = format!("/{method}");
        let mut ask = edge.request(method, &path).with("X_Request_Id", "mine");
        for name in names {
            ask = ask.with(name, "claimed");
        }
        if method == "POST" {
            ask = ask.content("body");
        }
        ask.expect(200);
        let seen = origin.request(&path);
        for name in names {
            assert_eq!(seen.field(name), None, "{method} {name}");
        }
        assert_eq!(seen.field("X_Request_Id").as_deref(), Some("mine"));
    }
}

#[test]
fn the_admin_listener_answers_for_its_own_hosts_only() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .server("admin_hosts = [\"metrics.internal\"]")
        .start();
    for path in ["/metrics", "/health"] {
        edge.admin("GET", path).host("rebound.example").expect(421);
        for host in ["localhost:9", "127.0.0.1", "[::1]:80", "metrics.internal"] {
            edge.admin("GET", path).host(host).expect(200);
        }
    }
}

#[test]
fn silent_connections_to_the_admin_socket_delay_nobody() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let socket = edge.folder().join("store").join("admin.sock");
    let silent: Vec<UnixStream> = (0..200)
        .map(|_| UnixStream::connect(&socket).expect("it listens"))
        .collect();
    let command = ["cache", "stats", "--config"].map(OsString::from);
    let began = std::time::Instant::now();
    run(command.into_iter().chain([edge.config().into_os_string()])).code(0);
    assert!(began.elapsed().as_secs() < 9, "{:?}", began.elapsed());
    drop(silent);
}

#[test]
fn networks_that_are_none_are_refused() {
    let origin = Origin::start();
    for (lines, word) in [
        ("trusted_proxies = [\"10.0.0.0/33\"]", "not a network"),
        ("trusted_proxies = [\"10.1.0.0/8\"]", "10.0.0.0/8"),
        ("trusted_proxies = \"10.0.0.0/8\"", "a list"),
        ("admin_hosts = [\"http://x\"]", "http://x"),
    ] {
        Edge::in_front_of(&origin)
            .server(lines)
            .check()
            .code(2)
            .reports(word);
    }
}
