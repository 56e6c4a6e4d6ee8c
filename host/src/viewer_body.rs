//! The content of a viewer's request, whichever protocol brings it.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};

/// An error that ends a request's content early.
pub type ViewerBodyError = Box<dyn std::error::Error + Send + Sync>;

/// The content of a viewer's request, as it arrives. HTTP/1.1 needs no box for it.
pub struct ViewerBody(Kind);

enum Kind {
    Empty,
    Http1(Incoming),
    Other(Pin<Box<dyn Body<Data = Bytes, Error = ViewerBodyError> + Send + Sync>>),
}

impl ViewerBody {
    /// No content.
    pub fn empty() -> ViewerBody {
        ViewerBody(Kind::Empty)
    }

    /// Content that something else than hyper's HTTP/1.1 server reads.
    pub fn new<B>(body: B) -> ViewerBody
    where
        B: Body<Data = Bytes, Error = ViewerBodyError> + Send + Sync + 'static,
    {
        ViewerBody(Kind::Other(Box::pin(body)))
    }
}

impl From<Incoming> for ViewerBody {
    fn from(incoming: Incoming) -> ViewerBody {
        ViewerBody(Kind::Http1(incoming))
    }
}

impl Body for ViewerBody {
    type Data = Bytes;
    type Error = ViewerBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ViewerBodyError>>> {
        match &mut self.get_mut().0 {
            Kind::Empty => Poll::Ready(None),
            Kind::Http1(incoming) => Pin::new(incoming)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(Into::into))),
            Kind::Other(body) => body.as_mut().poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Empty => true,
            Kind::Http1(incoming) => incoming.is_end_stream(),
            Kind::Other(body) => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Empty => SizeHint::with_exact(0),
            Kind::Http1(incoming) => incoming.size_hint(),
            Kind::Other(body) => body.size_hint(),
        }
    }
}
