//! A connection that leaves HTTP (RFC 9110, section 7.8), as WebSockets do.

use selvedge_tests::*;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};

/// An origin that agrees to any upgrade and then sends back in upper case what it gets, until the other side ends.
fn shouting_origin() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("the host connects");
        let mut head = Vec::new();
        let mut byte = [0];
        while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
            head.push(byte[0]);
        }
        let head = String::from_utf8(head)
            .expect("a head is text")
            .to_ascii_lowercase();
        assert!(
            head.contains("upgrade: shout\r\n") && head.contains("connection: upgrade\r\n"),
            "{head}"
        );
        let agreed =
            b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: shout\r\n\r\n";
        stream.write_all(agreed).expect("the host reads");
        let mut piece = [0; 1024];
        while let Ok(read @ 1..) = stream.read(&mut piece) {
            stream
                .write_all(&piece[..read].to_ascii_uppercase())
                .expect("the host reads");
        }
    });
    address
}

const ASK: &str =
    "GET /chat HTTP/1.1\r\nHost: www.example.test\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n";

#[test]
fn an_upgraded_connection_carries_bytes_both_ways() {
    let edge = Edge::in_front_of_address(shouting_origin()).start();
    let mut viewer = edge.sent(ASK);
    let (_, head) = viewer.heads();
    assert_eq!(head.status(), 101);
    viewer.send("hello");
    assert_eq!(viewer.bytes(5), b"HELLO");
    viewer.send("again");
    assert_eq!(viewer.bytes(5), b"AGAIN");
}

#[test]
fn an_origin_that_does_not_upgrade_answers_as_usual() {
    let origin = Origin::start();
    let edge = Edge::in_front_of(&origin).start();
    origin
        .on("/chat")
        .answers(Answer::ok("plain").cache_control("max-age=60"));
    let mut viewer = edge.sent(ASK);
    viewer
        .response()
        .expect(200)
        .body("plain")
        .cache_status("fwd=bypass");
    edge.get("/chat").expect(200).cache_status("fwd=uri-miss");
}

#[test]
fn a_viewer_that_does_not_wait_for_the_upgrade_is_refused() {
    let edge = Edge::in_front_of_address(shouting_origin()).start();
    let mut viewer = edge.sent(format!("{ASK}{ASK}"));
    viewer.response().expect(400);
}
