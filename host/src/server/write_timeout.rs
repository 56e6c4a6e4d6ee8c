//! The timeout of writes: a viewer that stops reading is closed after a while, so that it can't take up memory and origins for
//! ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// Largest head with its content, in bytes, that is copied into one piece: the system takes that by one plain send. Larger
/// content is never copied.
const MAX_GATHERED: usize = 4096;

/// A stream whose writes fail when nothing can be written for a given time. Reads have no limit here.
pub(crate) struct WriteTimeout<S, H = ()> {
    stream: S,
    /// A value that lives as long as the stream.
    _companion: H,
    limit: Duration,
    /// Made at the first write that has to wait: most never do.
    waiting: Option<Pin<Box<Sleep>>>,
    is_waiting: bool,
}

impl<S> WriteTimeout<S> {
    pub(crate) fn new(stream: S, limit: Duration) -> WriteTimeout<S> {
        WriteTimeout {
            stream,
            _companion: (),
            limit,
            waiting: None,
            is_waiting: false,
        }
    }

    /// Adds a value that lives as long as the stream.
    pub(crate) fn with<H>(self, companion: H) -> WriteTimeout<S, H> {
        WriteTimeout {
            stream: self.stream,
            _companion: companion,
            limit: self.limit,
            waiting: self.waiting,
            is_waiting: self.is_waiting,
        }
    }
}

impl<S, H> WriteTimeout<S, H> {
    /// Passes on the result of a write, or gives up on it.
    fn bound<T>(
        &mut self,
        cx: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.is_waiting = false;
            return written;
        }
        let until = Instant::now() + self.limit;
        let waiting = self
            .waiting
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if !self.is_waiting {
            waiting.as_mut().reset(until);
            self.is_waiting = true;
        }
        ready!(waiting.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "the viewer stopped reading",
        )))
    }
}

impl<S: AsyncRead + Unpin, H: Unpin> AsyncRead for WriteTimeout<S, H> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin, H: Unpin> AsyncWrite for WriteTimeout<S, H> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.bound(cx, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let stream = Pin::new(&mut this.stream);
        let total: usize = slices.iter().map(|slice| slice.len()).sum();
        let written = if slices.len() > 1 && total <= MAX_GATHERED {
            let mut all = [0; MAX_GATHERED];
            let mut rest = all.as_mut_slice();
            for slice in slices {
                // All of them fit, as their sum does.
                let (room, behind) = std::mem::take(&mut rest).split_at_mut(slice.len());
                room.copy_from_slice(slice);
                rest = behind;
            }
            stream.poll_write(cx, all.get(..total).unwrap_or_default())
        } else {
            stream.poll_write_vectored(cx, slices)
        };
        this.bound(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let flushed = Pin::new(&mut this.stream).poll_flush(cx);
        this.bound(cx, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    const LIMIT: Duration = Duration::from_millis(300);

    #[tokio::test]
    async fn a_viewer_that_stops_reading_is_given_up() {
        let (near, _far) = tokio::io::duplex(16);
        let mut stream = WriteTimeout::new(near, LIMIT);
        let error = stream
            .write_all(&[0; 64])
            .await
            .expect_err("it is not read");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test]
    async fn each_piece_that_is_read_starts_the_timeout_anew() {
        use tokio::io::AsyncReadExt;
        let (near, mut far) = tokio::io::duplex(16);
        let mut stream = WriteTimeout::new(near, LIMIT);
        let reader = tokio::spawn(async move {
            let mut all = 0;
            while all < 96 {
                tokio::time::sleep(LIMIT / 3).await;
                all += far.read(&mut [0; 16]).await.expect("it reads");
            }
            all
        });
        let began = Instant::now();
        stream
            .write_all(&[0; 96])
            .await
            .expect("it is read in the end");
        assert!(
            began.elapsed() > LIMIT,
            "all of it took longer than the limit for one piece"
        );
        assert_eq!(reader.await.expect("no panic"), 96);
    }
}
