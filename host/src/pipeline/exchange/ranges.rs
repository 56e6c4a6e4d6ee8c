//! Several byte ranges in one response: `multipart/byteranges` (RFC 9110, section 14.6).

use bytes::Bytes;
use selvedge_caching::multipart::MultipartRanges;
use selvedge_store::{BodyError, BodyReader};
use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

/// The parts of such a body in order: text that stands between, and readers of the ranges.
pub(crate) struct Parts {
    pieces: VecDeque<Piece>,
    length: u64,
}

enum Piece {
    Text(Bytes),
    Range(BodyReader),
}

impl Parts {
    /// `open` gives a reader of the bytes from the first to the last, both included.
    pub(crate) fn new(layout: &MultipartRanges, open: impl Fn(u64, u64) -> BodyReader) -> Parts {
        let mut pieces = VecDeque::new();
        for (head, (first, last)) in layout.parts() {
            pieces.push_back(Piece::Text(head));
            pieces.push_back(Piece::Range(open(first, last)));
        }
        pieces.push_back(Piece::Text(layout.end()));
        Parts {
            pieces,
            length: layout.length(),
        }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }

    /// The first range: what is before it is text of ours.
    fn first(&mut self) -> Option<&mut BodyReader> {
        self.pieces.iter_mut().find_map(|piece| match piece {
            Piece::Text(_) => None,
            Piece::Range(reader) => Some(reader),
        })
    }

    pub(crate) fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        self.first()
            .map_or(Poll::Ready(Ok(())), |reader| reader.poll_begin(cx))
    }

    pub(crate) fn begin_at_once(&mut self) -> bool {
        self.first().is_none_or(BodyReader::begin_at_once)
    }

    pub(crate) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            match self.pieces.front_mut() {
                None => return Poll::Ready(None),
                Some(Piece::Text(text)) => {
                    let text = std::mem::take(text);
                    self.pieces.pop_front();
                    return Poll::Ready(Some(Ok(text)));
                }
                Some(Piece::Range(reader)) => match ready!(reader.poll_next(cx)) {
                    Some(piece) => return Poll::Ready(Some(piece)),
                    None => {
                        self.pieces.pop_front();
                    }
                },
            }
        }
    }
}
