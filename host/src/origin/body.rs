//! Bodies on the origin side: what goes out, and what comes in under the read timeout.

use super::pool::Connection;
use super::{Origin, OriginError};
use crate::viewer_body::{ViewerBody, ViewerBodyError};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The body of a request to an origin.
#[derive(Default)]
pub enum OutgoingBody {
    /// None, as with GET.
    #[default]
    Empty,
    /// At hand.
    Whole(Bytes),
    /// The viewer's, passed on as it comes; the first frames may have been read already.
    Viewer {
        /// Read ahead, to see that the body is well-formed before an origin hears of it, or since a plugin has read it.
        ahead: VecDeque<Frame<Bytes>>,
        /// The rest; `None` where all has been read.
        rest: Option<ViewerBody>,
        /// What is known of it elsewhere.
        upload: Arc<Upload>,
    },
}

/// How far a viewer's body is, so that neither a long upload nor a viewer that stops is taken for a silent origin.
#[derive(Debug, Default)]
pub struct Upload {
    /// Counts the pieces that were asked for.
    moves: AtomicU64,
    waits_for_viewer: AtomicBool,
}

impl Upload {
    /// One piece more was asked for.
    pub(crate) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that moves as long as the body does.
    pub(crate) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    /// Whether the next piece was asked for and has not come.
    pub(crate) fn waits_for_viewer(&self) -> bool {
        self.waits_for_viewer.load(Ordering::Relaxed)
    }
}

impl OutgoingBody {
    /// A viewer's body, its first frames read ahead.
    pub fn viewer(ahead: VecDeque<Frame<Bytes>>, rest: Option<ViewerBody>) -> OutgoingBody {
        OutgoingBody::Viewer {
            ahead,
            rest,
            upload: Arc::default(),
        }
    }

    /// How far it is; `None` where there is no body.
    pub(crate) fn upload(&self) -> Option<Arc<Upload>> {
        match self {
            OutgoingBody::Empty | OutgoingBody::Whole(_) => None,
            OutgoingBody::Viewer { upload, .. } => Some(upload.clone()),
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = ViewerBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ViewerBodyError>>> {
        match self.get_mut() {
            OutgoingBody::Empty => Poll::Ready(None),
            OutgoingBody::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            OutgoingBody::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            OutgoingBody::Viewer {
                ahead,
                rest,
                upload,
            } => {
                upload.moved();
                let polled = match (ahead.pop_front(), rest) {
                    (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
                    (None, Some(rest)) => Pin::new(rest).poll_frame(cx),
                    (None, None) => Poll::Ready(None),
                };
                upload
                    .waits_for_viewer
                    .store(polled.is_pending(), Ordering::Relaxed);
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            OutgoingBody::Empty => true,
            OutgoingBody::Whole(bytes) => bytes.is_empty(),
            OutgoingBody::Viewer { ahead, rest, .. } => {
                ahead.is_empty() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            OutgoingBody::Empty => SizeHint::with_exact(0),
            OutgoingBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            OutgoingBody::Viewer { ahead, rest, .. } => {
                let lengths = ahead.iter().filter_map(Frame::data_ref).map(Bytes::len);
                let ahead = lengths.sum::<usize>() as u64;
                let rest = rest
                    .as_ref()
                    .map_or(Some(0), |rest| rest.size_hint().exact());
                match rest {
                    Some(rest) => SizeHint::with_exact(rest + ahead),
                    None => SizeHint::new(),
                }
            }
        }
    }
}

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
