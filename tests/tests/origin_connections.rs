//! Connections to origins are used again after every response that was read to its end, whatever its kind.

use selvedge_tests::*;

const METHODS: &str = "allowed_methods = \"any\"";

/// An origin and an edge in front of it that passes every method on.
struct Pair {
    origin: Origin,
    edge: Edge,
}

impl Pair {
    fn start() -> Pair {
        let origin = Origin::start();
        let edge = Edge::in_front_of(&origin).behavior(METHODS).start();
        Pair { origin, edge }
    }

    /// Asks for this answer three times in turn, and claims that all requests so far came on one connection.
    #[track_caller]
    fn uses_one_connection(
        &self,
        kind: &str,
        answer: Answer,
        ask: impl Fn(&Edge, &str) -> Ask,
        status: u16,
    ) {
        let before = self.origin.all_requests().len();
        self.origin.on("*").answers(answer);
        for number in 0..3 {
            let path = format!("/{}-{number}", kind.replace(' ', "-"));
            ask(&self.edge, &path).expect(status);
        }
        let requests = self.origin.all_requests().len() - before;
        assert_eq!(requests, 3, "{kind}: requests");
        assert_eq!(self.origin.connections(), 1, "{kind}: connections");
    }
}

fn get(edge: &Edge, path: &str) -> Ask {
    edge.get(path)
}

fn unstored(answer: Answer) -> Answer {
    answer.cache_control("no-store")
}

#[test]
fn a_response_that_is_not_stored_gives_its_connection_back() {
    let pair = Pair::start();
    for (kind, answer) in [
        ("length", Answer::ok("one")),
        ("two pieces", Answer::ok("one").content("two")),
        ("chunked", Answer::ok("one").content("two").chunked()),
        ("trailers", Answer::ok("one").trailer("X-Sum", "1")),
        ("empty", Answer::ok("")),
        ("empty and chunked", Answer::ok("").chunked()),
        ("large", Answer::generated(3_000_000)),
        ("large and chunked", Answer::generated(3_000_000).chunked()),
    ] {
        pair.uses_one_connection(kind, unstored(answer), get, 200);
    }
}

#[test]
fn a_response_of_any_status_gives_its_connection_back() {
    let pair = Pair::start();
    for status in [201, 301, 400, 404, 410, 500, 503] {
        let answer = unstored(Answer::status(status).content("why"));
        pair.uses_one_connection(&status.to_string(), answer, get, status);
    }
    pair.uses_one_connection("204", unstored(Answer::status(204)), get, 204);
}

#[test]
fn a_response_to_any_method_gives_its_connection_back() {
    let pair = Pair::start();
    let head = |edge: &Edge, path: &str| edge.head(path);
    pair.uses_one_connection("HEAD", unstored(Answer::ok("one")), head, 200);
    for method in ["POST", "PUT", "PATCH", "QUERY"] {
        let ask = |edge: &Edge, path: &str| edge.request(method, path).content("sent");
        pair.uses_one_connection(method, Answer::ok("one"), ask, 200);
    }
    for method in ["DELETE", "OPTIONS"] {
        let ask = |edge: &Edge, path: &str| edge.request(method, path);
        pair.uses_one_connection(method, Answer::ok("one"), ask, 200);
    }
}

#[test]
fn a_range_and_a_confirmation_give_their_connection_back() {
    let pair = Pair::start();
    let part = Answer::status(206)
        .field("Content-Range", "bytes 0-2/9")
        .content("one");
    let ranged = |edge: &Edge, path: &str| edge.get(path).with("Range", "bytes=0-2");
    pair.uses_one_connection("206", unstored(part), ranged, 206);
    // What may be stored but has to be validated each time is confirmed on the same connection.
    let validated = Answer::ok("one")
        .field("ETag", "\"a\"")
        .cache_control("no-cache")
        .or_304();
    let same = |edge: &Edge, _: &str| edge.get("/validated");
    pair.uses_one_connection("304", validated, same, 200);
}

#[test]
fn content_that_the_viewer_does_not_need_gives_its_connection_back() {
    let bytes =
        "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nCache-Control: private\r\nContent-Length: 3\r\n\r\none";
    let conditional = |edge: &Edge, path: &str| edge.get(path).with("If-None-Match", "\"a\"");
    let answer = Answer::raw(bytes).stays_open();
    Pair::start().uses_one_connection("not needed", answer, conditional, 304);
}

#[test]
fn a_connection_whose_viewer_left_is_not_used_again() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    let gate = Gate::new();
    let waiting = Answer::ok("one").then_waits(&gate).content("two").chunked();
    origin.on("/a").answers(unstored(waiting));
    origin.on("/b").answers(unstored(Answer::ok("x")));
    let mut viewer = edge.get("/a").start();
    viewer.head(200);
    viewer.abort();
    // Its access line is written when its body is given up.
    edge.access("/a");
    edge.get("/b").expect(200);
    gate.open();
    assert_eq!(origin.connections(), 2);
    edge.get("/b").expect(200);
    assert_eq!(origin.connections(), 2);
}
