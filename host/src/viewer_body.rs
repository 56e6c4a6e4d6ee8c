//! The content of a viewer's request, whichever protocol brings it.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

/// An error that ends a request's content early.
pub type ViewerBodyError = Box<dyn std::error::Error + Send + Sync>;

/// Returns true if the content of a message with these fields is a stream that is meant to idle: no minimum rate and no
/// longest time hold for it.
pub fn may_idle(fields: &HeaderMap) -> bool {
    const GRPC: &[u8] = b"application/grpc";
    let kind = fields.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let start = kind.and_then(|kind| kind.get(..GRPC.len()));
    start.is_some_and(|start| start.eq_ignore_ascii_case(GRPC))
}

/// The viewer sent its content too slowly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the viewer sends the content of its request too slowly")]
pub struct TooSlow;

/// The content of a viewer's request, as it arrives.
pub struct ViewerBody {
    kind: Kind,
    /// Counts the bytes that arrive, if the request's record wants them.
    received: Option<Arc<AtomicU64>>,
}

enum Kind {
    Empty,
    Arriving(Pin<Box<dyn Body<Data = Bytes, Error = ViewerBodyError> + Send + Sync>>),
}

impl ViewerBody {
    /// No content.
    pub fn empty() -> ViewerBody {
        Kind::Empty.into()
    }

    /// Content that a server reads.
    pub fn new<B>(body: B) -> ViewerBody
    where
        B: Body<Data = Bytes, Error = ViewerBodyError> + Send + Sync + 'static,
    {
        Kind::Arriving(Box::pin(body)).into()
    }

    /// Begins to count the bytes that arrive, and returns the counter.
    pub(crate) fn count(&mut self) -> Arc<AtomicU64> {
        self.received.get_or_insert_default().clone()
    }
}

impl From<Kind> for ViewerBody {
    fn from(kind: Kind) -> ViewerBody {
        ViewerBody {
            kind,
            received: None,
        }
    }
}

impl Body for ViewerBody {
    type Data = Bytes;
    type Error = ViewerBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ViewerBodyError>>> {
        let body = self.get_mut();
        let frame = match &mut body.kind {
            Kind::Empty => None,
            Kind::Arriving(body) => ready!(body.as_mut().poll_frame(cx)),
        };
        if let (Some(received), Some(Ok(frame))) = (&body.received, &frame) {
            let bytes = frame.data_ref().map_or(0, Bytes::len);
            received.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Empty => true,
            Kind::Arriving(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Arriving(body) => body.size_hint(),
        }
    }
}
