//! Bodies of responses from origins, which come in under the read timeout.

use super::outgoing::Upload;
use super::pool::Connection;
use super::{Origin, OriginError};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Content up to this many bytes is read to its end when its reader gives it up, if all of it has come already: the
/// connection can then be used again.
const MAX_DRAINED: u64 = 65_536;

/// The body of an origin's response. Each piece must come within the read timeout. At the end of the content the connection
/// goes back to the pool.
pub struct OriginBody {
    incoming: Incoming,
    back: Option<Return>,
    /// Runs once a piece had to be waited for; mostly it has come by then.
    timer: Option<Pin<Box<Sleep>>>,
    idle: Duration,
    complete_by: Option<(Instant, Duration)>,
}

/// The way back of a connection to its pool.
pub(crate) struct Return {
    pub(crate) origin: Arc<Origin>,
    pub(crate) secure: bool,
    pub(crate) connection: Connection,
    /// The request's own body. An origin may answer before it has come.
    pub(crate) upload: Option<Arc<Upload>>,
}

impl Return {
    /// Puts the connection into its pool, unless the request is still being sent on it: hyper holds the body until then.
    fn put(self) {
        let is_sent = self
            .upload
            .is_none_or(|upload| Arc::strong_count(&upload) == 1);
        if is_sent {
            self.origin.pool(self.secure).put(self.connection);
        }
    }
}

impl OriginBody {
    /// `back` is `None` if the connection can't be used again.
    pub(crate) fn new(
        incoming: Incoming,
        settings: &crate::config::Origin,
        back: Option<Return>,
    ) -> OriginBody {
        let idle = settings.read_timeout;
        let complete_by = settings
            .response_completion_timeout
            .map(|limit| (Instant::now() + limit, limit));
        let mut body = OriginBody {
            incoming,
            back,
            timer: None,
            idle,
            complete_by,
        };
        if body.incoming.is_end_stream() {
            body.give_back();
        }
        body
    }

    fn give_back(&mut self) {
        if let Some(back) = self.back.take() {
            back.put();
        }
    }

    /// The timer of the read timeout, which starts when a piece is first waited for.
    fn timer(&mut self) -> Pin<&mut Sleep> {
        let (idle, complete_by) = (self.idle, self.complete_by);
        let timer = self.timer.get_or_insert_with(|| {
            let next = Instant::now() + idle;
            let until = complete_by.map_or(next, |(end, _)| next.min(end));
            Box::pin(tokio::time::sleep_until(until))
        });
        timer.as_mut()
    }

    fn timed_out(&self) -> OriginError {
        match self.complete_by {
            Some((end, limit)) if Instant::now() >= end => OriginError::CompletionTimeout(limit),
            _ => OriginError::ReadTimeout(self.idle),
        }
    }

    /// Takes a frame from hyper, and gives the connection back after the last one. hyper's server does not ask for more once
    /// it has as many bytes as Content-Length says, or the trailer section.
    fn poll_incoming(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        let frame = ready!(Pin::new(&mut self.incoming).poll_frame(cx));
        Poll::Ready(match frame {
            Some(Ok(frame)) => {
                if self.incoming.is_end_stream() || frame.is_trailers() {
                    self.give_back();
                }
                Some(Ok(frame))
            }
            Some(Err(e)) => {
                self.back = None;
                Some(Err(OriginError::Closed(e.to_string())))
            }
            None => {
                self.give_back();
                None
            }
        })
    }

    /// Reads what has come already, without a wait.
    fn drain(&mut self) {
        let mut cx = Context::from_waker(Waker::noop());
        let mut left = MAX_DRAINED;
        while self.back.is_some()
            && let Poll::Ready(Some(Ok(frame))) = self.poll_incoming(&mut cx)
        {
            let length = frame.data_ref().map_or(0, |data| data.len() as u64);
            match left.checked_sub(length) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }
}

/// Content that is given up, such as the error page of an origin after which the next one is asked.
impl Drop for OriginBody {
    fn drop(&mut self) {
        if self.back.is_some() && self.incoming.size_hint().lower() <= MAX_DRAINED {
            self.drain();
        }
    }
}

impl Body for OriginBody {
    type Data = Bytes;
    type Error = OriginError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, OriginError>>> {
        let body = self.get_mut();
        if let Poll::Ready(frame) = body.poll_incoming(cx) {
            body.timer = None;
            return Poll::Ready(frame);
        }
        ready!(body.timer().poll(cx));
        body.back = None;
        Poll::Ready(Some(Err(body.timed_out())))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}
