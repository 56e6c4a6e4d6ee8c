//! A refusal of a viewer's bytes: the reason, and where it was found.

use std::error::Error;
use std::io;

use super::super::message::RefusalReason;
use http::StatusCode;

/// A reason of the guard to refuse a request, with its position. Every refusal is answered and closes the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{} ({reason}, byte {at} of the {})", self.detail(), self.reason.part())]
pub struct Refusal {
    reason: RefusalReason,
    at: u64,
}

impl Refusal {
    pub(super) fn new(reason: RefusalReason, at: u64) -> Self {
        Self { reason, at }
    }

    /// The status to answer with: always 4xx or 5xx.
    pub fn status(&self) -> StatusCode {
        self.reason.status()
    }

    /// The rule that was broken.
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// One sentence for the viewer and the log, without anything that the viewer sent.
    pub fn detail(&self) -> &'static str {
        self.reason.detail()
    }

    /// The position of the fault: bytes from the start of the head or, for content, from the start of the content as framed.
    pub fn at(&self) -> u64 {
        self.at
    }

    /// The error by which a refusal inside content reaches the reader of the content.
    pub(super) fn into_io_error(self) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, self)
    }
}

/// Finds the refusal behind an error of a content stream: hyper wraps the guard's error before the service sees it.
///
/// Returns `None` when the error has another cause (the viewer left, for one).
pub fn refusal_of(error: &(dyn Error + 'static)) -> Option<Refusal> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(refusal) = error.downcast_ref::<Refusal>() {
            return Some(*refusal);
        }
        // `source` of an io::Error skips the error that it carries.
        let carried = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        if let Some(refusal) = carried.and_then(|carried| carried.downcast_ref::<Refusal>()) {
            return Some(*refusal);
        }
        next = error.source();
    }
    None
}
