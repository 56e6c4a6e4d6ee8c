//! The origin that all servers share: `/SIZE/NAME` is SIZE bytes, always the same for a path and different from those
//! of other paths. Each server asks an address of its own, so that fetches can be told apart and counted.

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, HeaderValue, LAST_MODIFIED};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::signal::unix::{SignalKind, signal};

/// The largest content.
const LARGEST: usize = 16 << 20;
/// How far into the block the contents of different paths begin.
const SPREAD: usize = 1 << 20;
/// How long the answer to `/SIZE/slow-NAME` takes.
pub(crate) const SLOW: Duration = Duration::from_millis(50);

static BLOCK: LazyLock<Bytes> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let words = std::iter::repeat_with(|| {
        // xorshift64: no two stretches of the block are the same.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    });
    words
        .take((LARGEST + SPREAD) / 8)
        .flatten()
        .collect::<Vec<u8>>()
        .into()
});

/// The origin's answer to this path.
pub(crate) fn content(path: &str) -> Bytes {
    let size = path
        .split('/')
        .nth(1)
        .and_then(|size| size.parse().ok())
        .unwrap_or(0);
    // FNV-1a.
    let hash = path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let start = usize::try_from(hash % SPREAD as u64).unwrap_or(0);
    BLOCK.slice(start..start + LARGEST.min(size))
}

/// A runtime with one thread, on which all of the origin's addresses are served.
pub(crate) struct Origin {
    runtime: Runtime,
}

/// One of the origin's addresses.
pub(crate) struct Side {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl Side {
    /// How many requests came to this address.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }
}

impl Origin {
    pub(crate) fn start() -> Result<Origin> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .context("the origin's thread does not start")?;
        LazyLock::force(&BLOCK);
        Ok(Origin { runtime })
    }

    /// Sets the flag when somebody asks this program to end (Ctrl-C, SIGTERM), so that it can end its servers first.
    pub(crate) fn watch_for_the_end(&self, flag: &'static AtomicBool) {
        self.runtime.spawn(async {
            let Ok(mut term) = signal(SignalKind::terminate()) else {
                return;
            };
            tokio::select! {
                _ = tokio::signal::ctrl_c() => (),
                _ = term.recv() => (),
            }
            flag.store(true, Ordering::Relaxed);
        });
    }

    /// A new address.
    pub(crate) fn side(&self) -> Result<Side> {
        let listener = self
            .runtime
            .block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
            .context("the origin can't listen")?;
        let address = listener.local_addr()?;
        let requests = Arc::new(AtomicU64::new(0));
        self.runtime.spawn(serve(listener, Arc::clone(&requests)));
        Ok(Side { address, requests })
    }
}

async fn serve(listener: TcpListener, requests: Arc<AtomicU64>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let requests = Arc::clone(&requests);
        let answer = service_fn(move |request| {
            requests.fetch_add(1, Ordering::Relaxed);
            answer(request)
        });
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), answer),
        );
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let path = request.uri().path();
    if path.contains("/slow-") {
        tokio::time::sleep(SLOW).await;
    }
    let content = content(path);
    if content.is_empty() {
        let mut nothing = Response::new(Full::default());
        *nothing.status_mut() = StatusCode::NOT_FOUND;
        return Ok(nothing);
    }
    let mut response = Response::new(Full::new(content));
    let fields = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, "application/octet-stream"),
        (CACHE_CONTROL, "max-age=86400"),
        (ETAG, "\"bench\""),
        (LAST_MODIFIED, "Sun, 01 Nov 2026 00:00:00 GMT"),
    ] {
        fields.insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;

    #[test]
    fn a_path_has_one_content_and_another_path_another() {
        assert_eq!(content("/1024/a"), content("/1024/a"));
        assert_eq!(content("/1024/a").len(), 1024);
        assert_ne!(content("/1024/a"), content("/1024/b"));
        assert!(content("/none").is_empty());
    }

    #[test]
    fn requests_are_counted_for_each_address() {
        let origin = Origin::start().expect("it starts");
        let (one, other) = (
            origin.side().expect("a port"),
            origin.side().expect("a port"),
        );
        let mut client = Client::connect(one.address, "bench.test").expect("it listens");
        let answer = client.get("/4096/a", None).expect("it answers");
        assert_eq!(
            (answer.status, answer.body),
            (200, content("/4096/a").to_vec())
        );
        assert_eq!((one.requests(), other.requests()), (1, 0));
    }
}
