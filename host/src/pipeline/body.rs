//! The body of a response to a viewer, whichever way it comes, and the meter that closes the request's record.

use super::edge::Edge;
use super::exchange::{BodyError, Source};
use crate::observe::access::Record;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

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
        let expected = source.size_hint().exact();
        // The server does not ask for the content of a response that it knows to be empty.
        let finished = source.is_end_stream() || expected == Some(0);
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
            if record.messages.is_some() {
                self.edge.sinks().record(&record);
            }
        }
    }
}
