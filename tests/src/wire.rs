//! Reading HTTP/1.1 from a socket, for both sides.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};

use crate::message::{Fields, Head};

/// How a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Nothing,
    Length(u64),
    Chunked,
    UntilClose,
}

impl Framing {
    /// The framing of a request with these fields (RFC 9112, section 6.3).
    pub(crate) fn of_request(fields: &Fields) -> Framing {
        match Framing::said(fields) {
            Framing::UntilClose => Framing::Nothing,
            framing => framing,
        }
    }

    /// The framing of a response to this method.
    pub(crate) fn of_response(method: &str, head: &Head) -> Framing {
        let status = head.status();
        if method == "HEAD" || status < 200 || status == 204 || status == 304 {
            return Framing::Nothing;
        }
        Framing::said(&head.fields)
    }

    fn said(fields: &Fields) -> Framing {
        let coding = fields.get("transfer-encoding").unwrap_or_default();
        if coding.to_ascii_lowercase().ends_with("chunked") {
            return Framing::Chunked;
        }
        let length = fields
            .get("content-length")
            .and_then(|length| length.parse().ok());
        length.map_or(Framing::UntilClose, Framing::Length)
    }
}

/// How the reading of a body went.
pub(crate) struct Ended {
    pub(crate) complete: bool,
    pub(crate) trailers: Fields,
}

/// One connection with what was read ahead.
pub(crate) struct Wire {
    pub(crate) stream: TcpStream,
    buffer: Vec<u8>,
    record: Option<Arc<Mutex<Vec<u8>>>>,
}

/// A recorded connection is kept up to here.
const RECORD: usize = 1 << 20;

impl Wire {
    pub(crate) fn new(stream: TcpStream) -> Wire {
        Wire {
            stream,
            buffer: Vec::new(),
            record: None,
        }
    }

    /// Keeps the bytes that arrive in `record` too.
    pub(crate) fn recorded(mut self, record: Arc<Mutex<Vec<u8>>>) -> Wire {
        self.record = Some(record);
        self
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Reads more; 0 at the end of the stream.
    fn fill(&mut self) -> io::Result<usize> {
        let mut piece = [0; 65_536];
        let count = self.stream.read(&mut piece)?;
        let arrived = piece.get(..count).unwrap_or_default();
        self.buffer.extend_from_slice(arrived);
        if let Some(record) = &self.record {
            let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
            if record.len() < RECORD {
                record.extend_from_slice(arrived);
            }
        }
        Ok(count)
    }

    /// The next head, or `None` where the peer closed the connection before its first byte.
    pub(crate) fn head(&mut self) -> io::Result<Option<Head>> {
        loop {
            while self.buffer.starts_with(b"\r\n") {
                self.buffer.drain(..2);
            }
            if let Some(end) = find(&self.buffer, b"\r\n\r\n") {
                let raw: Vec<u8> = self.buffer.drain(..end + 4).collect();
                return Ok(Some(Head::parse(&raw)));
            }
            if self.fill()? == 0 {
                return if self.buffer.is_empty() {
                    Ok(None)
                } else {
                    Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "closed within a head",
                    ))
                };
            }
        }
    }

    /// Hands the next bytes of at most `most` to `sink`; false at the end of the stream.
    pub(crate) fn some(&mut self, most: u64, sink: &mut dyn FnMut(&[u8])) -> io::Result<u64> {
        if self.buffer.is_empty() && self.fill()? == 0 {
            return Ok(0);
        }
        let count = (self.buffer.len() as u64).min(most) as usize;
        sink(&self.buffer[..count]);
        self.buffer.drain(..count);
        Ok(count as u64)
    }

    fn exactly(&mut self, length: u64, sink: &mut dyn FnMut(&[u8])) -> io::Result<bool> {
        let mut left = length;
        while left > 0 {
            match self.some(left, sink)? {
                0 => return Ok(false),
                count => left -= count,
            }
        }
        Ok(true)
    }

    fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = find(&self.buffer, b"\r\n") {
                let line: Vec<u8> = self.buffer.drain(..end + 2).collect();
                return Ok(Some(String::from_utf8_lossy(&line[..end]).into_owned()));
            }
            if self.fill()? == 0 {
                return Ok(None);
            }
        }
    }

    /// Reads a body to its end. A reset connection counts as one that ended early.
    pub(crate) fn body(
        &mut self,
        framing: Framing,
        sink: &mut dyn FnMut(&[u8]),
    ) -> io::Result<Ended> {
        let mut trailers = Fields::default();
        let complete = match framing {
            Framing::Nothing => Ok(true),
            Framing::Length(length) => self.exactly(length, sink),
            Framing::Chunked => self.chunks(sink, &mut trailers),
            Framing::UntilClose => loop {
                match self.some(u64::MAX, sink) {
                    Ok(0) => break Ok(true),
                    Ok(_) => {}
                    Err(error) => break Err(error),
                }
            },
        };
        let complete = match complete {
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => false,
            other => other?,
        };
        Ok(Ended { complete, trailers })
    }

    fn chunks(&mut self, sink: &mut dyn FnMut(&[u8]), trailers: &mut Fields) -> io::Result<bool> {
        loop {
            let Some(line) = self.line()? else {
                return Ok(false);
            };
            let size = line.split(';').next().unwrap_or_default().trim();
            let Ok(size) = u64::from_str_radix(size, 16) else {
                let what = format!("no chunk size: {line:?}");
                return Err(io::Error::new(io::ErrorKind::InvalidData, what));
            };
            if size == 0 {
                break;
            }
            if !self.exactly(size, sink)? || self.line()?.is_none() {
                return Ok(false);
            }
        }
        while let Some(line) = self.line()? {
            match line.split_once(':') {
                Some((name, value)) => trailers.push(name, value.trim().as_bytes()),
                None => return Ok(true),
            }
        }
        Ok(false)
    }
}

/// Where `needle` first occurs.
pub(crate) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}
