//! The body of a response to a viewer, whichever way it comes, and the meter that closes the request's record.

use super::Edge;
use super::fetched_body::FetchedBody;
use super::fetches::Slot;
use crate::observe::access::Record;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use selvedge_store::BodyReader;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

/// An error that ends a body early: the connection to the viewer is closed, so that it sees the truncation.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// The trailer section of a response that is being stored (RFC 9110, section 6.5). It is there before its readers see the end
/// of the body.
pub(crate) type Trailers = Arc<OnceLock<HeaderMap>>;

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
    /// A response that passes through, with its place among the fetches under way.
    Origin(
        Box<FetchedBody>,
        #[expect(dead_code, reason = "held until the body ends")] Option<Slot>,
    ),
    /// Several ranges of a stored body (RFC 9110, section 15.3.7.2).
    Parts(super::ranges::Parts),
    /// A stored body in slices.
    Slices(Box<super::slices::SliceBody>),
}

impl Source {
    fn poll_frame(
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
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
            Source::Slices(slices) => {
                let piece = ready!(slices.poll_next(cx));
                Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
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

    fn is_end_stream(&self) -> bool {
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

/// A body on its way to a viewer. When it ends, or is given up, the request's record is complete.
pub struct Delivery {
    source: Source,
    meter: Meter,
    /// An error that is reported at the next poll: until then the server sends what it has.
    broken: Option<BodyError>,
}

struct Meter {
    record: Option<Box<Record>>,
    edge: Arc<Edge>,
    /// The body's length, where it is known: the server stops asking once it has that much.
    expected: Option<u64>,
    finished: bool,
}

impl Delivery {
    pub(crate) fn new(source: Source, record: Box<Record>, edge: Arc<Edge>) -> Delivery {
        let finished = source.is_end_stream();
        let expected = source.size_hint().exact();
        Delivery {
            source,
            meter: Meter {
                record: Some(record),
                edge,
                expected,
                finished,
            },
            broken: None,
        }
    }
}

impl Body for Delivery {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let delivery = self.get_mut();
        if let Some(error) = delivery.broken.take() {
            return Poll::Ready(Some(Err(error)));
        }
        let frame = ready!(delivery.source.poll_frame(cx));
        match frame {
            Some(Ok(frame)) => {
                let meter = &mut delivery.meter;
                if let (Some(data), Some(record)) = (frame.data_ref(), &mut meter.record) {
                    record.sent += data.len() as u64;
                    meter.finished = meter.expected == Some(record.sent);
                }
                meter.finished |= delivery.source.is_end_stream();
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                delivery.broken = Some(error);
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            None => {
                delivery.meter.finished = true;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        if let Some(mut record) = self.record.take() {
            record.aborted = !self.finished;
            self.edge.metrics().request(&record);
            self.edge.sink().record(&record);
        }
    }
}
