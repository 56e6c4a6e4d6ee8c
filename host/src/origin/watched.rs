//! The stream of a connection to an origin: the head of each response reaches hyper only once it is complete and in order.
//!
//! A head that comes in one piece, as nearly all do, is checked where hyper reads it and is not copied. Content passes through
//! unseen: hyper checks its framing.

use super::head::{BadHead, HeadCheck, Rules};
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes read at once while a head is incomplete.
const READ: usize = 8 * 1024;

/// Says to the stream of a connection that a response comes next. Shared with the sending half.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    expects_head: AtomicBool,
}

impl Exchange {
    /// A request is about to be sent.
    pub(super) fn begin(&self) {
        self.expects_head.store(true, Ordering::Release);
    }

    /// Returns true once for each request.
    fn has_begun(&self) -> bool {
        self.expects_head.load(Ordering::Relaxed)
            && self.expects_head.swap(false, Ordering::Acquire)
    }
}

/// A stream whose response heads are checked.
pub(super) struct Watched<S> {
    stream: S,
    exchange: Arc<Exchange>,
    rules: Rules,
    /// The check of the head that comes next; `None` while content or nothing passes.
    check: Option<HeadCheck>,
    /// Bytes that are not given to hyper yet.
    pending: BytesMut,
    /// Length of those at its start that are in order.
    approved: usize,
}

impl<S> Watched<S> {
    /// Wraps the stream of a new connection.
    pub(super) fn new(stream: S, rules: Rules) -> (Watched<S>, Arc<Exchange>) {
        let exchange = Arc::<Exchange>::default();
        let watched = Watched {
            stream,
            exchange: exchange.clone(),
            rules,
            check: None,
            pending: BytesMut::new(),
            approved: 0,
        };
        (watched, exchange)
    }

    /// Gives approved bytes, as many as there is room for.
    fn give(&mut self, out: &mut ReadBuf<'_>) {
        let given = self.approved.min(out.remaining());
        out.put_slice(self.pending.get(..given).unwrap_or_default());
        self.pending.advance(given);
        self.approved -= given;
        if self.pending.is_empty() {
            // An idle connection keeps no buffer.
            self.pending = BytesMut::new();
        }
    }
}

/// Checks bytes and returns how many of them hyper may have. Behind the final head all is content.
fn checked(check: &mut Option<HeadCheck>, bytes: &[u8]) -> Result<usize, BadHead> {
    let Some(head) = check else {
        return Ok(bytes.len());
    };
    let checked = head.advance(bytes)?;
    if checked.is_final {
        *check = None;
        return Ok(bytes.len());
    }
    Ok(checked.heads)
}

fn refused(bad: BadHead) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, bad)
}

impl<S: AsyncRead + Unpin> Watched<S> {
    /// Reads once within a head. Returns true at the end of the stream.
    fn poll_head(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<bool>> {
        let start = out.filled().len();
        if self.pending.is_empty() {
            ready!(Pin::new(&mut self.stream).poll_read(cx, out))?;
            let fresh = out.filled().get(start..).unwrap_or_default();
            let approved = checked(&mut self.check, fresh).map_err(refused)?;
            let (_, rest) = fresh.split_at(approved);
            self.pending.extend_from_slice(rest);
            let is_end = fresh.is_empty();
            out.set_filled(start + approved);
            return Poll::Ready(Ok(is_end));
        }
        // hyper's buffer serves as scratch space: what is read moves behind what is pending.
        let room = out.remaining().min(READ);
        let mut scratch = ReadBuf::new(out.initialize_unfilled_to(room));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scratch))?;
        if scratch.filled().is_empty() {
            return Poll::Ready(Ok(true));
        }
        self.pending.extend_from_slice(scratch.filled());
        self.approved = checked(&mut self.check, &self.pending).map_err(refused)?;
        Poll::Ready(Ok(false))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let watched = self.get_mut();
        let start = out.filled().len();
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if watched.approved > 0 {
                watched.give(out);
            }
            if out.filled().len() > start {
                return Poll::Ready(Ok(()));
            }
            if watched.exchange.has_begun() {
                watched.check = Some(HeadCheck::new(watched.rules));
            }
            if watched.check.is_none() {
                return Pin::new(&mut watched.stream).poll_read(cx, out);
            }
            if ready!(watched.poll_head(cx, out))? {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}
