//! Viewers, written by hand: a connection that can send anything, and one plain request on it.

use std::io::{self, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use crate::edge::ALIAS;
use crate::gate::PATIENCE;
use crate::generated::Generated;
use crate::message::Head;
use crate::response::{End, Response};
use crate::system;
use crate::wire::{Framing, Wire};

/// One connection of a viewer.
pub struct Viewer {
    wire: Wire,
}

impl Viewer {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Viewer {
        Viewer::on(TcpStream::connect(address).expect("the edge listens"))
    }

    /// Connects from another address of loopback.
    pub fn connect_from(source: Ipv4Addr, address: SocketAddr) -> Viewer {
        Viewer::on(system::connect_from(source, address).expect("the edge listens"))
    }

    fn on(stream: TcpStream) -> Viewer {
        stream
            .set_nodelay(true)
            .expect("a TCP socket takes this option");
        stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout above zero");
        stream
            .set_write_timeout(Some(PATIENCE))
            .expect("a timeout above zero");
        Viewer {
            wire: Wire::new(stream),
        }
    }

    /// Sends these bytes. That the other side closed meanwhile is no failure: it may have answered already.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Viewer {
        let _ = self.wire.write(bytes.as_ref());
        self
    }

    /// Sends generated content of this length; returns how much of it could be sent.
    pub fn send_generated(&mut self, length: u64) -> u64 {
        let mut content = Generated::new();
        while content.position() < length {
            let before = content.position();
            if self
                .wire
                .write(content.next_piece(length - before))
                .is_err()
            {
                return before;
            }
        }
        length
    }

    /// Sends a plain GET for this path.
    pub fn get(&mut self, path: &str) -> &mut Viewer {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {ALIAS}\r\n\r\n"))
    }

    /// Says that nothing more will be sent.
    pub fn finish_sending(&mut self) -> &mut Viewer {
        let _ = self.wire.stream.shutdown(Shutdown::Write);
        self
    }

    /// The next response, to anything but HEAD.
    #[track_caller]
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// The next response, to this method.
    #[track_caller]
    pub fn response_to(&mut self, method: &str) -> Response {
        let (interim, head) = self.heads();
        let mut content = Vec::new();
        let framing = Framing::of_response(method, &head);
        let ended = self
            .wire
            .body(framing, &mut |piece| content.extend_from_slice(piece));
        let ended = ended.unwrap_or_else(|error| panic!("{error} within the content of {head:?}"));
        Response {
            head,
            interim,
            content,
            trailers: ended.trailers,
            end: if ended.complete {
                End::Complete
            } else {
                End::CutShort
            },
        }
    }

    /// The next final head with the interim ones before it; its content stays to be read.
    #[track_caller]
    pub fn heads(&mut self) -> (Vec<Head>, Head) {
        let mut interim = Vec::new();
        loop {
            let head = match self.wire.head() {
                Ok(Some(head)) => head,
                Ok(None) => panic!("the connection was closed instead of a response"),
                Err(error) => panic!("no response: {error}"),
            };
            if (100..200).contains(&head.status()) && head.status() != 101 {
                interim.push(head);
            } else {
                return (interim, head);
            }
        }
    }

    /// The next head, which must have this status.
    #[track_caller]
    pub fn head(&mut self, status: u16) -> Head {
        let head = self.heads().1;
        assert_eq!(head.status(), status, "the status of {head:?}");
        head
    }

    /// Reads exactly so many bytes of what follows, framing included.
    #[track_caller]
    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let most = (count - bytes.len()) as u64;
            let read = self
                .wire
                .some(most, &mut |piece| bytes.extend_from_slice(piece));
            assert!(
                read.expect("bytes in time") > 0,
                "the connection ended after {} bytes",
                bytes.len()
            );
        }
        bytes
    }

    /// Reads the content behind this head and compares it with the generated one; returns its length and
    /// whether it was complete. Keeps nothing.
    #[track_caller]
    pub fn generated(&mut self, head: &Head) -> (u64, End) {
        self.generated_from(0, head)
    }

    /// As `generated`, where the content begins at this byte.
    #[track_caller]
    pub fn generated_from(&mut self, first: u64, head: &Head) -> (u64, End) {
        let mut expected = Generated::at(first);
        let mut same = true;
        let framing = Framing::of_response("GET", head);
        let ended = self
            .wire
            .body(framing, &mut |piece| same = same && expected.matches(piece));
        assert!(
            same,
            "the content differs before byte {}",
            expected.position()
        );
        let complete = ended.expect("bytes in time").complete;
        (
            expected.position() - first,
            if complete {
                End::Complete
            } else {
                End::CutShort
            },
        )
    }

    /// Claims that the other side closes the connection now, without another byte.
    #[track_caller]
    pub fn is_closed(&mut self) {
        let mut more = Vec::new();
        match self
            .wire
            .some(u64::MAX, &mut |piece| more.extend_from_slice(piece))
        {
            Ok(0) => {}
            Ok(_) => panic!(
                "more instead of the end: {:?}",
                String::from_utf8_lossy(&more)
            ),
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Err(error) => panic!("the connection stays open: {error}"),
        }
    }

    /// Checks that the connection ends before another byte.
    fn ends(&mut self) -> bool {
        matches!(self.wire.stream.peek(&mut [0]), Ok(0))
    }

    /// Returns true if something arrives before the connection ends; it stays to be read.
    pub fn answers(&mut self) -> bool {
        matches!(self.wire.stream.peek(&mut [0]), Ok(1))
    }

    /// Claims that nothing arrives for a moment, and that the connection stays open.
    #[track_caller]
    pub fn hears_nothing(&mut self, moment: Duration) {
        self.wire
            .stream
            .set_read_timeout(Some(moment))
            .expect("a timeout above zero");
        let mut byte = [0];
        let read = self.wire.stream.read(&mut byte);
        self.wire
            .stream
            .set_read_timeout(Some(PATIENCE))
            .expect("a timeout above zero");
        match read {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                ) => {}
            other => panic!("something instead of silence: {other:?}"),
        }
    }

    /// Resets the connection.
    pub fn abort(self) {
        system::reset(self.wire.stream);
    }
}

/// One plain request on a connection of its own.
#[must_use = "an `Ask` asks when it is sent or when a status is expected"]
#[derive(Clone, Debug)]
pub struct Ask {
    address: SocketAddr,
    source: Option<Ipv4Addr>,
    method: String,
    target: String,
    host: String,
    fields: Vec<(String, String)>,
    content: Option<Vec<u8>>,
}

impl Ask {
    /// A request to whoever listens at this address.
    pub fn new(address: SocketAddr, method: &str, target: &str) -> Ask {
        Ask {
            address,
            source: None,
            method: method.to_owned(),
            target: target.to_owned(),
            host: ALIAS.to_owned(),
            fields: Vec::new(),
            content: None,
        }
    }

    /// With one more field.
    pub fn with(mut self, name: &str, value: &str) -> Ask {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// From this address of loopback.
    pub fn from(mut self, source: [u8; 4]) -> Ask {
        self.source = Some(source.into());
        self
    }

    /// With this `Host`.
    pub fn host(mut self, host: &str) -> Ask {
        host.clone_into(&mut self.host);
        self
    }

    /// With this content and its length.
    pub fn content(mut self, content: impl AsRef<[u8]>) -> Ask {
        self.content = Some(content.as_ref().to_vec());
        self
    }

    /// The bytes of the request.
    pub fn bytes(&self) -> Vec<u8> {
        let mut text = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\n",
            self.method, self.target, self.host
        );
        for (name, value) in &self.fields {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        if let Some(content) = &self.content {
            text.push_str(&format!("Content-Length: {}\r\n", content.len()));
        }
        text.push_str("\r\n");
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(self.content.as_deref().unwrap_or_default());
        bytes
    }

    /// Sends the request and leaves the answer to be read.
    pub fn start(&self) -> Viewer {
        let mut viewer = match self.source {
            Some(source) => Viewer::connect_from(source, self.address),
            None => Viewer::connect(self.address),
        };
        viewer.send(self.bytes());
        viewer
    }

    /// Sends the request and reads the whole response.
    #[track_caller]
    pub fn send(self) -> Response {
        self.start().response_to(&self.method)
    }

    /// Sends the request and claims a complete response of this status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Response {
        self.send().expect(status)
    }

    /// Sends the request and claims a 200 or 206 that is visibly broken off: cut short, or closed before its head,
    /// where the failure came before the head had left. Returns the content that came.
    #[track_caller]
    pub fn expect_broken_off(self) -> Vec<u8> {
        let mut viewer = self.start();
        if viewer.ends() {
            return Vec::new();
        }
        let response = viewer.response_to(&self.method);
        let status = match response.status() {
            206 => 206,
            _ => 200,
        };
        response.expect_cut_short(status).content
    }

    /// Sends the request and claims a response of this status that was cut short.
    #[track_caller]
    pub fn expect_cut_short(self, status: u16) -> Response {
        self.send().expect_cut_short(status)
    }
}
