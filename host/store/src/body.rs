//! Reading a body: whole or a range, complete or still growing, each reader at its own pace.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::task::JoinHandle;

use crate::blocks::{DiskBody, READ};
use crate::error::BodyError;
use crate::handle::BodyHandle;
use crate::progress::{Progress, Step};

/// Reads a stored or growing body in pieces: from memory without copying, from disk in blocks of up to 64 KiB.
///
/// It must be polled inside a tokio runtime (disk reads go to the store's own threads). After an error or the end it
/// gives nothing more.
#[derive(Debug)]
pub struct BodyReader {
    source: Source,
    /// Pieces that were read from disk and not given yet.
    ready: VecDeque<Bytes>,
    reading: Option<JoinHandle<Result<VecDeque<Bytes>, BodyError>>>,
    /// The length, if the source does not know it.
    length: Option<u64>,
}

#[derive(Debug)]
enum Source {
    /// One piece, until it was given.
    Memory(Option<Bytes>),
    /// The rest of a range of a file.
    Disk {
        body: DiskBody,
        position: u64,
        end: u64,
    },
    /// A fill.
    Growing(Following),
    Ended,
}

/// A registration among a fill's readers, given up when dropped.
#[derive(Debug)]
struct Following {
    progress: Arc<Progress>,
    reader: u64,
}

impl Drop for Following {
    fn drop(&mut self) {
        self.progress.leave(self.reader);
    }
}

impl BodyReader {
    pub(crate) fn complete(body: BodyHandle, range: Option<(u64, u64)>) -> BodyReader {
        let whole = body.length();
        let (first, end) = match range {
            Some((first, last)) => (first.min(whole), last.saturating_add(1).min(whole)),
            None => (0, whole),
        };
        let length = end.saturating_sub(first);
        let source = match body {
            _ if length == 0 => Source::Ended,
            BodyHandle::Memory(bytes) => {
                Source::Memory(Some(bytes.slice(first as usize..end as usize)))
            }
            BodyHandle::Disk(body) => Source::Disk {
                body,
                position: first,
                end,
            },
        };
        BodyReader::from(source, Some(length))
    }

    pub(crate) fn growing(progress: Arc<Progress>) -> BodyReader {
        let reader = progress.join();
        BodyReader::from(Source::Growing(Following { progress, reader }), None)
    }

    fn from(source: Source, length: Option<u64>) -> BodyReader {
        BodyReader {
            source,
            ready: VecDeque::new(),
            reading: None,
            length,
        }
    }

    /// Limits a reader that has given nothing yet to the bytes `first..=last`; of a growing body too. Where the
    /// body turns out to be shorter, the reader ends with the body.
    pub fn range(mut self, first: u64, last: u64) -> BodyReader {
        let end = last.saturating_add(1).max(first);
        match &mut self.source {
            Source::Memory(Some(bytes)) => {
                let whole = bytes.len() as u64;
                let piece = bytes.slice(first.min(whole) as usize..end.min(whole) as usize);
                self.length = Some(piece.len() as u64);
                self.source = Source::Memory(Some(piece));
            }
            Source::Disk {
                position,
                end: until,
                ..
            } => {
                let start = *position;
                *position = start.saturating_add(first).min(*until);
                *until = start.saturating_add(end).min(*until);
                self.length = Some(*until - *position);
            }
            Source::Growing(following) => {
                following.progress.limit(following.reader, first, end);
                let known = following.progress.length();
                self.length = known.map(|known| end.min(known).saturating_sub(first.min(known)));
            }
            Source::Memory(None) | Source::Ended => {}
        }
        self
    }

    /// The number of bytes that this reader gives in all, if it is known.
    pub fn length(&self) -> Option<u64> {
        match &self.source {
            Source::Growing(following) => self.length.or_else(|| following.progress.length()),
            _ => self.length,
        }
    }

    /// Reads the first bytes of a complete body from disk and verifies them, up to 256 KiB: what is damaged there is known
    /// before anything was sent. A damaged response is not found any more when this returns.
    ///
    /// # Errors
    /// The first bytes cannot be given. The reader has ended.
    pub async fn begin(&mut self) -> Result<(), BodyError> {
        poll_fn(|cx| self.poll_begin(cx)).await
    }

    /// As [`BodyReader::begin`], in a reader that is polled.
    pub fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        if self.reading.is_none()
            && !self.begin_at_once()
            && let Source::Disk {
                body,
                position,
                end,
            } = &self.source
        {
            let (body, from, to) = (body.clone(), *position, *end);
            let pool = body.pool.clone();
            self.reading = Some(pool.spawn_blocking(move || body.read_found(from, to)));
        }
        let read = ready!(self.poll_reading(cx));
        if read.is_err() {
            self.source = Source::Ended;
        }
        Poll::Ready(read)
    }

    /// Returns true if the first bytes are in memory, or come from a fill: [`BodyReader::begin`] need not wait.
    pub fn begin_at_once(&mut self) -> bool {
        let Source::Disk {
            body,
            position,
            end,
        } = &self.source
        else {
            return true;
        };
        if !self.ready.is_empty() {
            return true;
        }
        let there = match body.is_cached(*position, *end) {
            true => body.cached(*position, *end),
            false => return false,
        };
        // A block may have gone in between.
        let is_there = !there.is_empty() || position >= end;
        self.take(there);
        is_there
    }

    /// The next piece, never empty; `None` at the end.
    pub async fn next(&mut self) -> Option<Result<Bytes, BodyError>> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The next piece, never empty; `None` at the end.
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Poll::Ready(Some(Ok(piece)));
            }
            if self.reading.is_some() {
                match ready!(self.poll_reading(cx)) {
                    Ok(()) => continue,
                    Err(error) => return self.fail(error),
                }
            }
            let step = match &mut self.source {
                Source::Ended => return Poll::Ready(None),
                Source::Memory(bytes) => {
                    let piece = bytes.take().filter(|piece| !piece.is_empty());
                    self.source = Source::Ended;
                    return Poll::Ready(piece.map(Ok));
                }
                Source::Disk { position, end, .. } if *position >= *end => Step::End,
                Source::Disk { body, end, .. } => Step::Read {
                    body: body.clone(),
                    to: *end,
                },
                Source::Growing(following) => {
                    ready!(following.progress.poll_step(following.reader, cx))
                }
            };
            match step {
                Step::Piece(piece) => return Poll::Ready(Some(Ok(piece))),
                Step::Read { body, to } => self.start_reading(body, to),
                Step::End => self.source = Source::Ended,
                Step::Error(error) => return self.fail(error),
            }
        }
    }

    fn start_reading(&mut self, body: DiskBody, to: u64) {
        let from = match &self.source {
            Source::Disk { position, .. } => *position,
            Source::Growing(following) => following.progress.position(following.reader),
            Source::Memory(_) | Source::Ended => return,
        };
        let to = to.min(from.saturating_add(READ));
        let there = body.cached(from, to);
        if !there.is_empty() {
            self.take(there);
            return;
        }
        let pool = body.pool.clone();
        self.reading = Some(pool.spawn_blocking(move || body.read_found(from, to)));
    }

    fn poll_reading(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        let Some(reading) = &mut self.reading else {
            return Poll::Ready(Ok(()));
        };
        let result = ready!(Pin::new(reading).poll(cx));
        self.reading = None;
        // The task fails only when the runtime is shutting down.
        let pieces = result.unwrap_or(Err(BodyError::Aborted))?;
        if pieces.iter().all(Bytes::is_empty) {
            return Poll::Ready(Err(BodyError::Damaged));
        }
        self.take(pieces);
        Poll::Ready(Ok(()))
    }

    /// These pieces are given next.
    fn take(&mut self, pieces: VecDeque<Bytes>) {
        let bytes = pieces.iter().map(|piece| piece.len() as u64).sum();
        match &mut self.source {
            Source::Disk { position, .. } => *position += bytes,
            Source::Growing(following) => following.progress.advance(following.reader, bytes),
            Source::Memory(_) | Source::Ended => {}
        }
        self.ready = pieces;
    }

    fn fail(&mut self, error: BodyError) -> Poll<Option<Result<Bytes, BodyError>>> {
        self.source = Source::Ended;
        Poll::Ready(Some(Err(error)))
    }
}
