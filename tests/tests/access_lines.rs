//! Access lines: their fields, and for which distributions they are written.

use selvedge_tests::*;

#[test]
fn an_access_line_has_what_the_viewer_sent_and_what_it_got() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin)
        .behavior("allowed_methods = \"any\"")
        .start();
    origin
        .on("/a")
        .answers(Answer::ok("<p>").field("Content-Type", "text/html"));
    edge.post("/a", "twelve bytes")
        .with("User-Agent", "curl/8 \u{e9}")
        .with("Referer", "https://example.test/?q=1")
        .with("Cookie", "session=secret")
        .expect(200);
    let line = edge.access("/a");
    assert_eq!(line["protocol"], "HTTP/1.1", "{line}");
    assert_eq!(line["user_agent"], "curl/8 \u{e9}", "{line}");
    assert_eq!(line["referer"], "https://example.test/?q=1", "{line}");
    assert_eq!(line["received_bytes"], 12, "{line}");
    assert_eq!(line["content_type"], "text/html", "{line}");
    assert!(line["first_byte_us"].as_u64() > Some(0), "{line}");
    assert!(line["first_byte_us"].as_u64() <= line["duration_us"].as_u64());
    assert!(!line.to_string().contains("secret"), "{line}");
}

#[test]
fn a_request_that_finds_no_distribution_is_in_the_log_with_its_fields() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    edge.get("/lost")
        .host("unknown.example.test")
        .with("User-Agent", "scanner")
        .expect(403);
    let line = edge.access("/lost");
    assert_eq!(line["user_agent"], "scanner", "{line}");
    assert_eq!(line["distribution"], "-", "{line}");
}

#[test]
fn access_lines_are_switched_for_each_distribution_while_the_host_runs() {
    let origin = Origin::start();
    let quiet = Distribution::new("quiet", origin.address()).alias("quiet.example.test");
    let mut edge = Edge::in_front_of(&origin)
        .and(quiet.top("access_log = false"))
        .start();
    origin.on("*").answers(Answer::ok("x"));
    edge.get("/unseen").host("quiet.example.test").expect(200);
    edge.get("/seen").expect(200);
    edge.access("/seen");
    edge.write_distribution(
        &Distribution::new("quiet", origin.address())
            .alias("quiet.example.test")
            .alias("loud.example.test"),
    );
    edge.eventually(
        "the changed file is in force",
        || edge.get("/probe").host("loud.example.test"),
        |r| r.status() == 200,
    );
    edge.get("/now").host("quiet.example.test").expect(200);
    edge.access("/now");
    edge.terminate();
    let unseen = edge.log().iter().any(|line| line.contains("/unseen"));
    assert!(!unseen, "{:#?}", edge.log());
}
