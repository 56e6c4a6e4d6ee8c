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
    close: bool,
}

/// The record of a request under way. It is complete when this is dropped: the body has ended, or the viewer has left.
pub(super) struct Meter {
    record: Box<Record>,
    edge: Arc<Edge>,
    /// The body's length, where it is known: the server stops asking once it has that much.
    expected: Option<u64>,
    finished: bool,
}

impl Meter {
    pub(super) fn new(edge: &Arc<Edge>, record: Box<Record>) -> Meter {
        Meter {
            record,
            edge: edge.clone(),
            expected: None,
            finished: false,
        }
    }

    pub(super) fn record(&mut self) -> &mut Record {
        &mut self.record
    }

    pub(super) fn edge(&self) -> &Edge {
        &self.edge
    }
}

impl Delivery {
    pub(super) fn new(source: Source, mut meter: Meter, close: bool) -> Delivery {
        meter.expected = source.size_hint().exact();
        // The server does not ask for the content of a response that it knows to be empty.
        meter.finished = source.is_end_stream() || meter.expected == Some(0);
        Delivery {
            source,
            meter,
            broken: None,
            close,
        }
    }

    /// Returns true if nothing more is read from the viewer's connection after this response.
    pub fn closes(&self) -> bool {
        self.close
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
                if let Some(data) = frame.data_ref() {
                    meter.record.sent += data.len() as u64;
                    meter.finished = meter.expected == Some(meter.record.sent);
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

/// The word for a request whose connection ended before there was a response.
const VIEWER_LEFT: &str = "viewer-left";

impl Drop for Meter {
    fn drop(&mut self) {
        let record = &mut self.record;
        record.aborted = !self.finished;
        if record.status.is_none() {
            record.reason = Some(VIEWER_LEFT);
        }
        self.edge.metrics().request(record);
        if record.messages.is_some() {
            self.edge.sinks().record(record);
        }
    }
}
