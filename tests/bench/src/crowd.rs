//! Many viewers at once for one object that nobody has yet.

use anyhow::{Context, Result, ensure};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::origin::content;

/// The object that every viewer asks for before.
pub(crate) const WARM: &str = "/1024/warm";

/// How long the slowest may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Has this many viewers, connected before, ask for a path at once. The time until all of them have all of it.
pub(crate) fn gather(
    address: SocketAddr,
    host: &str,
    viewers: usize,
    path: &str,
) -> Result<Duration> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let barrier = Arc::new(Barrier::new(viewers));
        let mut all = JoinSet::new();
        for _ in 0..viewers {
            let (barrier, host, path) = (Arc::clone(&barrier), host.to_owned(), path.to_owned());
            all.spawn(async move {
                let viewer = viewer(address, &host, &path, &barrier);
                tokio::time::timeout(PATIENCE, viewer)
                    .await
                    .context("a viewer waits too long")?
            });
        }
        let (mut first, mut last) = (None::<Instant>, None::<Instant>);
        for times in all.join_all().await {
            let (asked, done) = times?;
            first = Some(first.map_or(asked, |first| first.min(asked)));
            last = Some(last.map_or(done, |last| last.max(done)));
        }
        let (first, last) = first.zip(last).context("there were no viewers")?;
        Ok(last - first)
    })
}

async fn viewer(
    address: SocketAddr,
    host: &str,
    path: &str,
    start: &Barrier,
) -> Result<(Instant, Instant)> {
    let mut stream = TcpStream::connect(address)
        .await
        .context("a viewer can't connect")?;
    stream.set_nodelay(true)?;
    // One answer before, so that the connection is accepted and has its thread, where a server gives it one.
    ask(&mut stream, host, WARM).await?;
    start.wait().await;
    let asked = Instant::now();
    ask(&mut stream, host, path).await?;
    Ok((asked, Instant::now()))
}

async fn ask(stream: &mut TcpStream, host: &str, path: &str) -> Result<()> {
    let expected = content(path);
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut read = Vec::new();
    // Chunked or not, the content is at the end, and no head is so large.
    while !ends_with(&read, &expected) {
        ensure!(
            read.len() < expected.len() + 8192,
            "a viewer got something else"
        );
        ensure!(
            stream.read_buf(&mut read).await? > 0,
            "a viewer's connection was closed"
        );
    }
    ensure!(read.starts_with(b"HTTP/1.1 200"), "a viewer got no 200");
    Ok(())
}

fn ends_with(read: &[u8], content: &[u8]) -> bool {
    let chunked = read
        .strip_suffix(b"\r\n0\r\n\r\n")
        .is_some_and(|read| read.ends_with(content));
    chunked || read.ends_with(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::{Origin, SLOW};

    #[test]
    fn a_crowd_takes_as_long_as_its_slowest() {
        let origin = Origin::start().expect("it starts");
        let side = origin.side().expect("a port");
        let lasted =
            gather(side.address, "bench.test", 20, "/4096/slow-a").expect("all are served");
        assert!(lasted >= SLOW, "{lasted:?}");
        assert_eq!(side.requests(), 2 * 20);
    }

    #[test]
    fn both_framings_end_a_body() {
        assert!(ends_with(b"head\r\n\r\nabc", b"abc"));
        assert!(ends_with(b"head\r\n\r\n3\r\nabc\r\n0\r\n\r\n", b"abc"));
        assert!(!ends_with(b"head\r\n\r\n3\r\nabc\r\n", b"abc"));
    }
}
