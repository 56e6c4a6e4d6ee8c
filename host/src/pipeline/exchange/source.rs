//! Where the body of a response to a viewer comes from.

use super::fetched_body::FetchedBody;
use super::ranges::Parts;
use crate::pipeline::fetches::Slot;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use selvedge_store::BodyReader;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

/// An error that ends a body early: the connection to the viewer is closed, so that it sees the truncation.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The trailer section of a response that is being stored (RFC 9110, section 6.5). It is there before its readers see the end
/// of the body.
pub(crate) type Trailers = Arc<OnceLock<HeaderMap>>;

/// A body that is read slice by slice.
pub(crate) trait SlicedBody: Send {
    /// Returns the number of bytes still to come.
    fn left(&self) -> u64;

    /// Reads the first bytes, as far as they are stored: an error comes before anything was sent.
    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), selvedge_store::BodyError>>;

    /// Reads the next piece.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>>;
}

/// Where a response's body comes from.
pub(crate) enum Source {
    Empty,
    /// Bytes that are at hand.
    Whole(Bytes),
    /// A stored body, or one that is being stored.
    Stored(BodyReader),
    /// A body that is being stored, and what comes after it, until that is sent.
    Arriving(BodyReader, Option<Trailers>),
    /// A stored body and the trailer section that came after it (RFC 9110, section 6.5).
    Trailed(BodyReader, Option<HeaderMap>),
    /// A response that passes through, with its slot among the fetches under way.
    Origin(
        Box<FetchedBody>,
        #[expect(dead_code, reason = "held until the body ends")] Option<Slot>,
    ),
    /// Several ranges of a stored body (RFC 9110, section 15.3.7.2).
    Parts(Parts),
    /// A stored body in slices.
    Slices(Box<dyn SlicedBody>),
}

impl Source {
    /// Reads the first bytes of what is stored on disk, and verifies them. After an error nothing was sent yet, and the
    /// response may be had another way: a damaged one is not stored any more.
    pub(crate) async fn begin(&mut self) -> Result<(), selvedge_store::BodyError> {
        poll_fn(|cx| match self {
            Source::Stored(reader) | Source::Trailed(reader, _) => reader.poll_begin(cx),
            Source::Parts(parts) => parts.poll_begin(cx),
            Source::Slices(slices) => slices.poll_begin(cx),
            Source::Empty | Source::Whole(_) | Source::Arriving(..) | Source::Origin(..) => {
                Poll::Ready(Ok(()))
            }
        })
        .await
    }

    /// Returns true if the first bytes need no disk.
    pub(crate) fn begin_at_once(&mut self) -> bool {
        match self {
            Source::Stored(reader) | Source::Trailed(reader, _) => reader.begin_at_once(),
            Source::Parts(parts) => parts.begin_at_once(),
            Source::Slices(_) => false,
            Source::Empty | Source::Whole(_) | Source::Arriving(..) | Source::Origin(..) => true,
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Source::Empty => Poll::Ready(None),
            Source::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Source::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Source::Stored(reader) => {
                let piece = ready!(reader.poll_next(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
            }
            Source::Arriving(reader, trailers) => match ready!(reader.poll_next(cx)) {
                Some(piece) => Poll::Ready(Some(piece.map(Frame::data).map_err(Into::into))),
                None => {
                    let trailers = trailers.take().and_then(|trailers| trailers.get().cloned());
                    Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
                }
            },
            Source::Trailed(reader, trailers) => match ready!(reader.poll_next(cx)) {
                Some(piece) => Poll::Ready(Some(piece.map(Frame::data).map_err(Into::into))),
                None => Poll::Ready(
                    trailers
                        .take()
                        .map(|trailers| Ok(Frame::trailers(trailers))),
                ),
            },
            Source::Origin(body, _) => {
                let frame = ready!(Pin::new(&mut **body).poll_frame(cx));
                Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
            }
            Source::Parts(parts) => {
                let piece = ready!(parts.poll_next(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data).map_err(Into::into)))
            }
            Source::Slices(slices) => {
                let piece = ready!(slices.poll_next(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    pub(crate) fn size_hint(&self) -> SizeHint {
        match self {
            Source::Empty => SizeHint::with_exact(0),
            Source::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Source::Stored(reader) => reader
                .length()
                .map_or_else(SizeHint::default, SizeHint::with_exact),
            Source::Arriving(reader, trailers) => {
                // A length would leave no room for what comes after the body (RFC 9112, section 7.1.2). In this order: where
                // the length is known, so are the trailers.
                let length = reader.length();
                let is_trailed = trailers
                    .as_ref()
                    .is_some_and(|trailers| trailers.get().is_some());
                length
                    .filter(|_| !is_trailed)
                    .map_or_else(SizeHint::default, SizeHint::with_exact)
            }
            Source::Trailed(..) => SizeHint::default(),
            Source::Origin(body, _) => body.size_hint(),
            Source::Parts(parts) => SizeHint::with_exact(parts.length()),
            Source::Slices(slices) => SizeHint::with_exact(slices.left()),
        }
    }

    pub(crate) fn is_end_stream(&self) -> bool {
        match self {
            Source::Empty => true,
            Source::Whole(bytes) => bytes.is_empty(),
            Source::Stored(_) | Source::Arriving(..) | Source::Trailed(..) | Source::Parts(_) => {
                false
            }
            Source::Slices(slices) => slices.left() == 0,
            Source::Origin(body, _) => body.is_end_stream(),
        }
    }
}
