//! The floor: hyper, answering a constant with six fields. `selvedge-floor ADDRESS`.
//!
//! `/SIZE` and `/SIZE/anything` are answered with SIZE bytes. It has no cache, no guard, no log, no timeouts: what it
//! costs is what hyper, tokio and the kernel cost, and the measure for a server that is built on them.

#![forbid(unsafe_code)]

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response, body::Incoming};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::io::Error;
use tokio::net::TcpListener;

/// The largest answer.
const LARGEST: usize = 16 << 20;

fn main() -> Result<(), Error> {
    let address = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:0".to_owned());
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_io()
        .build()?
        .block_on(serve(&address))
}

async fn serve(address: &str) -> Result<(), Error> {
    let listener = TcpListener::bind(address).await?;
    let content = Bytes::from(vec![b'x'; LARGEST]);
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let content = content.clone();
        let answer = service_fn(move |request| std::future::ready(answer(&request, &content)));
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer),
        );
    }
}

/// Content-Type, Cache-Control, ETag and Age; hyper adds Content-Length and Date.
fn answer(
    request: &Request<Incoming>,
    content: &Bytes,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let mut response = Response::new(Full::new(content.slice(..size(request.uri().path()))));
    let fields = response.headers_mut();
    fields.insert(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    fields.insert(CACHE_CONTROL, HeaderValue::from_static("max-age=86400"));
    fields.insert(ETAG, HeaderValue::from_static("\"floor\""));
    fields.insert(AGE, HeaderValue::from_static("0"));
    Ok(response)
}

/// The first segment of the path as a number, 0 if it is none.
fn size(path: &str) -> usize {
    let first = path.split('/').nth(1).unwrap_or_default();
    first.parse().unwrap_or(0).min(LARGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_segment_is_the_size() {
        assert_eq!(size("/1024"), 1024);
        assert_eq!(size("/4096/17"), 4096);
        assert_eq!(size("/"), 0);
        assert_eq!(size("/99999999999"), LARGEST);
    }
}
