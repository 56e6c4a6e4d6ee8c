//! A viewer that has closed its sending side while a response is awaited: some still read, others have left.
//!
//! TCP says the same of both. A viewer that only sends no more gets its answer. One that has left is found out by a byte: every
//! response begins with the same one, so it is sent before the response is there. The system of a viewer that has left
//! answers it with a reset, and writing fails from then on.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::AsyncWrite;
use tokio::time::Sleep;

/// The byte that every response begins with: `HTTP/1.1`.
const FIRST: u8 = b'H';

/// Time between two looks. The first byte is sent after the first one, so quick answers are not cut in two.
const LOOK: Duration = Duration::from_secs(1);

/// The watch for a departure.
#[derive(Debug, Default)]
pub(super) struct Departure {
    timer: Option<Pin<Box<Sleep>>>,
    first: First,
}

/// The first byte of the next response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum First {
    #[default]
    NotSent,
    Sent,
    /// The response has begun behind it.
    Joined,
}

impl Departure {
    /// Waits for the viewer's departure, which is an error. `may_begin` says that the first byte of a response may be sent.
    pub(super) fn poll<S: AsyncWrite>(
        &mut self,
        mut stream: Pin<&mut S>,
        may_begin: bool,
        cx: &mut Context<'_>,
    ) -> Poll<io::Error> {
        loop {
            let timer = self
                .timer
                .get_or_insert_with(|| Box::pin(tokio::time::sleep(LOOK)));
            ready!(timer.as_mut().poll(cx));
            timer.as_mut().reset(tokio::time::Instant::now() + LOOK);
            let begins = may_begin && self.first == First::NotSent;
            let bytes: &[u8] = if begins { &[FIRST] } else { &[] };
            // Writing nothing tells of a reset as well.
            match stream.as_mut().poll_write(cx, bytes) {
                Poll::Ready(Err(error)) => return Poll::Ready(error),
                Poll::Ready(Ok(1)) => self.first = First::Sent,
                Poll::Ready(Ok(_)) | Poll::Pending => {}
            }
        }
    }

    /// Returns true if the first byte of the next response was sent already.
    pub(super) fn is_first_sent(&self) -> bool {
        self.first == First::Sent
    }

    /// Returns how many bytes of these, which begin a response, were sent already.
    pub(super) fn sent_before(&self, bytes: &[u8]) -> io::Result<usize> {
        match bytes.first() {
            None => Ok(0),
            Some(&FIRST) => Ok(1),
            Some(_) => Err(io::Error::other("a response does not begin as it should")),
        }
    }

    /// The response has gone on behind its first byte.
    pub(super) fn joined(&mut self) {
        self.first = First::Joined;
    }
}
