//! Closes a connection so that the viewer can still read the last answer (RFC 9112 section 9.6).
//!
//! A socket closed with unread bytes in it is reset, and a reset can destroy the answer before the viewer has read it. So the write side
//! is closed first, and what still arrives is read and thrown away, for a bounded time and amount.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The time for which a viewer may go on sending after the last answer.
const LINGER_TIME: Duration = Duration::from_secs(2);

/// The most that is read of it.
const LINGER_BYTES: usize = 1024 * 1024;

/// A connection's end, from the first call of [`poll`](Linger::poll) on.
#[derive(Debug, Default)]
pub(super) struct Linger {
    is_shut: bool,
    wait: Option<Pin<Box<Sleep>>>,
    read: usize,
}

impl Linger {
    /// Shuts the write side, then reads what is left. With `expect_more` it waits for the viewer's end; without, it stops when there is
    /// nothing to read at once.
    pub(super) fn poll<S>(
        &mut self,
        mut stream: Pin<&mut S>,
        expect_more: bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>>
    where
        S: AsyncRead + AsyncWrite,
    {
        if !self.is_shut {
            ready!(stream.as_mut().poll_shutdown(cx))?;
            self.is_shut = true;
        }
        while self.read < LINGER_BYTES {
            let mut scratch = [0; 2048];
            let mut buffer = ReadBuf::new(&mut scratch);
            match stream.as_mut().poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.read += buffer.filled().len();
                }
                // The viewer is done, or gone: its socket's errors say nothing any more.
                Poll::Ready(_) => break,
                Poll::Pending if !expect_more && self.read == 0 => break,
                Poll::Pending => {
                    let wait = self
                        .wait
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(LINGER_TIME)));
                    return wait.as_mut().poll(cx).map(Ok);
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}
