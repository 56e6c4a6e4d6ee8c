//! A small HTTP/1.1 origin: `PORT=9001 quickstart-origins main`.
//!
//! The name is told in every answer, so that one sees which origin gave it; `canary` looks different. It ends with
//! its standard input, so that it never outlives the program that started it.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program for the terminal")]

mod pages;

use pages::Page;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{env, process, thread};

/// The parts of a request that the pages need. Field values that were not sent are empty.
#[derive(Default)]
pub(crate) struct Request {
    method: String,
    path: String,
    query: String,
    user_agent: String,
    if_none_match: String,
    close: bool,
}

fn main() {
    let name: Arc<str> = env::args()
        .nth(1)
        .unwrap_or_else(|| "main".to_owned())
        .into();
    let port: u16 = env::var("PORT")
        .ok()
        .and_then(|port| port.parse().ok())
        .unwrap_or(9001);
    let listener = match TcpListener::bind(("127.0.0.1", port)) {
        Ok(listener) => listener,
        Err(error) => {
            eprintln!(
                "origin {name}: cannot listen on 127.0.0.1:{port}: {error}; say another port by PORT="
            );
            process::exit(1);
        }
    };
    eprintln!("origin {name}: listening on http://127.0.0.1:{port}");
    thread::spawn(|| {
        let _ = io::copy(&mut io::stdin(), &mut io::sink());
        process::exit(0);
    });
    let answers = Arc::new(AtomicU64::new(0));
    for connection in listener.incoming().flatten() {
        let (name, answers) = (Arc::clone(&name), Arc::clone(&answers));
        thread::spawn(move || serve(connection, &name, &answers));
    }
}

/// Answers the requests of one connection, one after the other, until either side closes it.
fn serve(connection: TcpStream, name: &str, answers: &AtomicU64) -> io::Result<()> {
    let mut input = BufReader::new(connection.try_clone()?);
    let mut output = connection;
    while let Some(request) = read_head(&mut input)? {
        let number = answers.fetch_add(1, Ordering::Relaxed) + 1;
        let page = pages::answer(name, &request, number);
        output.write_all(&encode(name, &request, number, &page))?;
        if request.close {
            break;
        }
    }
    Ok(())
}

/// Reads the head of the next request; `None` where the connection ends or what comes is no HTTP.
fn read_head(input: &mut impl BufRead) -> io::Result<Option<Request>> {
    let mut lines = input.take(64 * 1024).lines();
    let Some(first) = lines.next().transpose()? else {
        return Ok(None);
    };
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else {
        return Ok(None);
    };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.into(),
        path: path.into(),
        query: query.into(),
        ..Request::default()
    };
    for line in lines {
        let line = line?;
        let Some((field, value)) = line.split_once(':') else {
            return Ok(line.is_empty().then_some(request));
        };
        let value = value.trim();
        match field.to_ascii_lowercase().as_str() {
            "user-agent" => request.user_agent = value.into(),
            "if-none-match" => request.if_none_match = value.into(),
            // A body is not read here: the connection ends instead.
            "content-length" | "transfer-encoding" => request.close = true,
            "connection" => request.close |= value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    Ok(None)
}

/// The answer as it goes on the wire.
fn encode(name: &str, request: &Request, number: u64, page: &Page) -> Vec<u8> {
    let unchanged = page
        .etag
        .as_ref()
        .is_some_and(|etag| request.if_none_match.contains(etag));
    let status = if unchanged {
        "304 Not Modified"
    } else {
        page.status
    };
    let mut head =
        format!("HTTP/1.1 {status}\r\nX-Origin: {name}\r\nX-Origin-Answer: {number}\r\n");
    if let Some(etag) = &page.etag {
        head += &format!("ETag: {etag}\r\n");
    }
    if let Some(cache_control) = page.cache_control {
        head += &format!("Cache-Control: {cache_control}\r\n");
    }
    if request.close {
        head += "Connection: close\r\n";
    }
    if !unchanged {
        head += &format!(
            "Content-Type: {}\r\nContent-Length: {}\r\n",
            page.content_type,
            page.body.len()
        );
    }
    head += "\r\n";
    if !unchanged && request.method != "HEAD" {
        head += &page.body;
    }
    head.into_bytes()
}
