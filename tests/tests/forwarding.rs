//! Requests as origins see them, and responses as viewers see them (RFC 9110, section
//! 7.6; RFC 8586).

use selvedge_tests::*;

const FORWARD: &str =
    "forward = { query = \"all\", headers = [\"X-Kept\", \"X-Named\", \"X-Edge\", \"Accept\"] }";

#[test]
fn a_listed_field_reaches_the_origin_and_another_one_does_not() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(FORWARD).start();
    edge.get("/a")
        .with("X-Kept", "yes")
        .with("X-Other", "no")
        .with("Cookie", "a=b")
        .expect(404);
    let seen = origin.request("/a");
    assert_eq!(seen.field("X-Kept").as_deref(), Some("yes"));
    assert_eq!((seen.field("X-Other"), seen.field("Cookie")), (None, None));
}

#[test]
fn connection_fields_and_those_that_they_name_stay_here() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(FORWARD).start();
    let asked = edge
        .get("/a")
        .with("Connection", "keep-alive, X-Named")
        .with("X-Named", "1")
        .with("X-Kept", "2");
    asked
        .with("Keep-Alive", "5")
        .with("Proxy-Connection", "x")
        .with("TE", "trailers")
        .with("Upgrade", "h2c")
        .expect(404);
    let seen = origin.request("/a");
    for name in [
        "X-Named",
        "Keep-Alive",
        "Proxy-Connection",
        "TE",
        "Upgrade",
        "Transfer-Encoding",
    ] {
        assert_eq!(seen.field(name), None, "{name}");
    }
    assert_eq!(seen.field("X-Kept").as_deref(), Some("2"));
    assert!(
        !seen
            .field("Connection")
            .unwrap_or_default()
            .contains("X-Named")
    );
}

#[test]
fn connection_fields_of_the_origin_stay_here_too() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let answer = Answer::ok("x")
        .field("Connection", "X-Named")
        .field("X-Named", "1")
        .field("Keep-Alive", "5");
    origin.on("/a").answers(
        answer
            .field("Proxy-Authenticate", "Basic")
            .field("X-Kept", "2"),
    );
    for _ in 0..2 {
        let response = edge.get("/a").expect(200).field("X-Kept", "2");
        response
            .no_field("X-Named")
            .no_field("Keep-Alive")
            .no_field("Proxy-Authenticate");
    }
}

#[test]
fn the_origin_is_told_the_viewers_address_and_scheme() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.get("/a").expect(404);
    edge.get("/b")
        .with("X-Forwarded-For", "192.0.2.7")
        .with("X-Forwarded-Proto", "gopher")
        .expect(404);
    assert_eq!(
        origin.request("/a").field("X-Forwarded-For").as_deref(),
        Some("127.0.0.1")
    );
    assert_eq!(
        origin.request("/b").field("X-Forwarded-For").as_deref(),
        Some("192.0.2.7, 127.0.0.1")
    );
    for path in ["/a", "/b"] {
        assert_eq!(
            origin.request(path).field("X-Forwarded-Proto").as_deref(),
            Some("http")
        );
    }
}

#[test]
fn the_origin_is_told_who_passes_the_request_on() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.get("/a").with("Via", "1.0 before").expect(404);
    let seen = origin.request("/a");
    let via = seen.field("Via").unwrap_or_default();
    assert!(via.starts_with("1.0 before, 1.1 "), "Via is {via:?}");
    assert!(
        seen.field("CDN-Loop")
            .is_some_and(|value| value.starts_with("selvedge")),
        "{seen:?}"
    );
}

#[test]
fn other_members_of_cdn_loop_stay() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.get("/a")
        .with("CDN-Loop", "other.example; version=1")
        .expect(404);
    let value = origin.request("/a").field("CDN-Loop").unwrap_or_default();
    assert!(
        value.starts_with("other.example; version=1, selvedge"),
        "{value}"
    );
}

#[test]
fn a_loop_is_refused() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.get("/a").expect(404);
    let ours = origin.request("/a").field("CDN-Loop").unwrap_or_default();
    let response = edge.get("/b").with("CDN-Loop", &ours).send();
    assert!([403, 508].contains(&response.status()), "{response:?}");
    assert!(origin.requests("/b").is_empty());
}

#[test]
fn an_edge_in_front_of_itself_ends() {
    let origin = Origin::start();
    let mut edge = Edge::in_front_of(&origin).start();
    let itself = Distribution::new("main", edge.address())
        .alias(ALIAS)
        .behavior("forward = { headers = [\"Host\"] }");
    edge.write_distribution(&itself);
    edge.reload();
    edge.wait_for_log("reloaded");
    let response = edge.get("/a").send();
    assert!([403, 508].contains(&response.status()), "{response:?}");
    assert!(
        edge.log()
            .iter()
            .filter(|line| line.contains("\"access\""))
            .count()
            <= 2
    );
}

#[test]
fn configured_fields_replace_those_of_the_viewer() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("headers = { X-Edge = \"ours\" }")
        .behavior(FORWARD)
        .start();
    edge.get("/a").with("X-Edge", "theirs").expect(404);
    assert_eq!(origin.request("/a").head.fields.all("X-Edge"), ["ours"]);
}

#[test]
fn the_configured_path_is_put_in_front() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .origin_lines("path = \"/site/v2\"")
        .behavior(FORWARD)
        .start();
    edge.get("/a?b=c").expect(404);
    edge.get("/").expect(404);
    let targets: Vec<String> = origin
        .all_requests()
        .iter()
        .map(|seen| seen.target().to_owned())
        .collect();
    assert_eq!(targets, ["/site/v2/a?b=c", "/site/v2/"]);
}

#[test]
fn the_target_reaches_the_origin_as_it_was_sent() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).behavior(FORWARD).start();
    let target = "/a%2Fb/%7euser/..;/x//y?q=%20+%C3%A4&q";
    edge.get(target).expect(404);
    assert_eq!(origin.all_requests()[0].target(), target);
}

#[test]
fn the_host_is_the_origins_unless_the_viewers_is_forwarded() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .tables("[[behaviors]]\npath = \"/host/*\"\norigin = \"main\"\nforward = { headers = [\"Host\"] }")
        .start();
    edge.get("/a").expect(404);
    edge.get("/host/a").expect(404);
    assert_eq!(
        origin.request("/a").field("Host"),
        Some(origin.address().to_string())
    );
    assert_eq!(
        origin.request("/host/a").field("Host").as_deref(),
        Some(ALIAS)
    );
}

#[test]
fn the_origin_is_asked_in_http_1_1() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.sent(format!("GET /a HTTP/1.0\r\nHost: {ALIAS}\r\n\r\n"))
        .response()
        .expect(404);
    assert_eq!(origin.request("/a").head.line, "GET /a HTTP/1.1");
}

#[test]
fn a_range_of_the_viewer_does_not_make_a_part_the_whole() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/a")
        .answers(Answer::ok("0123456789").cache_control("max-age=60"));
    let part = edge.get("/a").with("Range", "bytes=2-4").send();
    assert!(
        part.status() == 206 && part.text() == "234"
            || part.status() == 200 && part.content.len() == 10,
        "{part:?}"
    );
    edge.get("/a").expect(200).body("0123456789");
}

#[test]
fn a_validator_of_the_viewer_does_not_empty_the_store() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin.on("/a").answers(
        Answer::ok("one")
            .field("ETag", "\"v1\"")
            .or_304()
            .cache_control("max-age=60"),
    );
    edge.get("/a").with("If-None-Match", "\"v1\"").expect(304);
    edge.get("/a").expect(200).body("one");
    edge.get("/a").expect(200).body("one").cache_status("hit");
}
