//! A small HTTP/1.1 viewer, to check answers with: one connection, one request after another.

use anyhow::{Context, Result, bail, ensure};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    host: String,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr, host: &str) -> Result<Client> {
        let stream = TcpStream::connect_timeout(&address, PATIENCE)
            .with_context(|| format!("nobody listens on {address}"))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream: BufReader::new(stream),
            host: host.to_owned(),
        })
    }

    /// GET of this path, of these bytes of it where a first and a last one are given.
    pub(crate) fn get(&mut self, path: &str, range: Option<(u64, u64)>) -> Result<Answer> {
        let mut request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n", self.host);
        if let Some((first, last)) = range {
            request.push_str(&format!("Range: bytes={first}-{last}\r\n"));
        }
        request.push_str("\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        read_answer(&mut self.stream).with_context(|| format!("GET {path}"))
    }
}

fn read_answer(stream: &mut impl BufRead) -> Result<Answer> {
    let first = line(stream)?;
    let status = first
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let status = status.with_context(|| format!("{first:?} is no status line"))?;
    let mut framing = None;
    loop {
        let field = line(stream)?.to_ascii_lowercase();
        if field.is_empty() {
            break;
        }
        if let Some(length) = field.strip_prefix("content-length:") {
            framing = Some(Framing::Length(length.trim().parse()?));
        } else if field.starts_with("transfer-encoding:") && field.ends_with("chunked") {
            framing = Some(Framing::Chunked);
        }
    }
    let mut body = Vec::new();
    match framing.context("the answer has neither a length nor chunks")? {
        Framing::Length(length) => read_exactly(stream, length, &mut body)?,
        Framing::Chunked => loop {
            let size = line(stream)?;
            let size = u64::from_str_radix(size.split(';').next().unwrap_or_default(), 16)?;
            read_exactly(stream, size, &mut body)?;
            ensure!(
                line(stream)?.is_empty(),
                "a chunk does not end where it should"
            );
            if size == 0 {
                break;
            }
        },
    }
    Ok(Answer { status, body })
}

enum Framing {
    Length(u64),
    Chunked,
}

fn line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = String::new();
    if stream.read_line(&mut line).context("the answer stops")? == 0 {
        bail!("the connection was closed");
    }
    Ok(line.trim_end().to_owned())
}

fn read_exactly(stream: &mut impl BufRead, length: u64, into: &mut Vec<u8>) -> Result<()> {
    let read = stream.take(length).read_to_end(into)?;
    ensure!(read as u64 == length, "{read} bytes of {length}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Answer> {
        read_answer(&mut text.as_bytes())
    }

    #[test]
    fn a_body_ends_with_its_length() {
        let answer =
            read("HTTP/1.1 206 Partial Content\r\nCONTENT-LENGTH: 3\r\nAge: 1\r\n\r\nabcd");
        let expected = Answer {
            status: 206,
            body: b"abc".to_vec(),
        };
        assert_eq!(answer.expect("it is whole"), expected);
    }

    #[test]
    fn chunks_are_put_together() {
        let answer = read(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\na\r\n0123456789\r\n0\r\n\r\n",
        );
        assert_eq!(answer.expect("it is whole").body, b"abc0123456789");
    }

    #[test]
    fn a_short_body_is_an_error() {
        let error =
            read("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc").expect_err("6 are missing");
        assert_eq!(error.to_string(), "3 bytes of 9");
    }

    #[test]
    fn what_is_no_http_is_an_error() {
        read("220 mail\r\n\r\n").expect_err("no length");
        read("").expect_err("nothing");
    }
}
