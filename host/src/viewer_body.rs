//! The content of a viewer's request, whichever protocol brings it.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

/// An error that ends a request's content early.
pub type ViewerBodyError = Box<dyn std::error::Error + Send + Sync>;

/// The content of a viewer's request, as it arrives. HTTP/1.1 needs no box for it.
pub struct ViewerBody {
    kind: Kind,
    /// Counts the bytes that arrive, if the request's record wants them.
    received: Option<Arc<AtomicU64>>,
}

enum Kind {
    Empty,
    Http1(Incoming),
    Other(Pin<Box<dyn Body<Data = Bytes, Error = ViewerBodyError> + Send + Sync>>),
}

impl ViewerBody {
    /// No content.
    pub fn empty() -> ViewerBody {
        Kind::Empty.into()
    }

    /// Content that something else than hyper's HTTP/1.1 server reads.
    pub fn new<B>(body: B) -> ViewerBody
    where
        B: Body<Data = Bytes, Error = ViewerBodyError> + Send + Sync + 'static,
    {
        Kind::Other(Box::pin(body)).into()
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

impl From<Incoming> for ViewerBody {
    fn from(incoming: Incoming) -> ViewerBody {
        Kind::Http1(incoming).into()
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
            Kind::Http1(incoming) => {
                let frame = ready!(Pin::new(incoming).poll_frame(cx));
                frame.map(|frame| frame.map_err(Into::into))
            }
            Kind::Other(other) => ready!(other.as_mut().poll_frame(cx)),
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
            Kind::Http1(incoming) => incoming.is_end_stream(),
            Kind::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Http1(incoming) => incoming.size_hint(),
            Kind::Other(body) => body.size_hint(),
        }
    }
}
