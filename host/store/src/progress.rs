//! The state that a fill and its followers share: the newest pieces of a growing body, and the file of the older ones.
//!
//! While the body can still be stored, nothing a reader may want is lost: pieces stay in memory, or are in the
//! complete blocks of the fill's file. When it is only passed on, a piece stays until the slowest reader had it.

use std::collections::HashMap;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use parking_lot::Mutex;

use crate::blocks::DiskBody;
use crate::config::WINDOW;
use crate::error::BodyError;
use crate::pieces::Pieces;

/// The state of a growing body.
#[derive(Clone, Debug)]
pub(crate) enum Outcome {
    Filling,
    Complete,
    Failed(BodyError),
}

/// The pieces that stay in memory.
#[derive(Copy, Clone, Eq, PartialEq, Debug)]
pub(crate) enum Retain {
    /// All of them: the body is stored and (still) only in memory.
    All,
    /// The newest, for followers that are close behind; the older ones are read from the file.
    Newest,
    /// Those that a reader has not had yet: the body is not stored.
    Unread,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Progress {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The newest bytes that arrived.
    pieces: Pieces,
    /// The announced length.
    expected: Option<u64>,
    /// The complete blocks of the body in the fill's file.
    file: Option<DiskBody>,
    retain: Retain,
    outcome: Outcome,
    readers: HashMap<u64, Follower>,
    next_reader: u64,
    /// The fill, when it waits for the slowest reader.
    fill: Option<Waker>,
}

#[derive(Debug)]
struct Follower {
    position: u64,
    /// The end of its range.
    end: u64,
    waker: Option<Waker>,
}

/// The next step of a reader.
pub(crate) enum Step {
    /// Take this.
    Piece(Bytes),
    /// Read `position..to` from the file.
    Read {
        body: DiskBody,
        to: u64,
    },
    /// All was read.
    End,
    Error(BodyError),
}

impl Progress {
    pub(crate) fn new(expected: Option<u64>, retain: Retain) -> Progress {
        Progress {
            state: Mutex::new(State {
                pieces: Pieces::default(),
                expected,
                file: None,
                retain,
                outcome: Outcome::Filling,
                readers: HashMap::new(),
                next_reader: 0,
                fill: None,
            }),
        }
    }

    /// Adds a piece and wakes the readers that wait for it.
    pub(crate) fn push(&self, piece: Bytes) {
        let mut state = self.state.lock();
        match state.retain == Retain::Unread && state.readers.is_empty() {
            true => state.pieces.skip(piece.len() as u64),
            false => state.pieces.push(piece),
        }
        state.trim();
        state.wake_readers();
    }

    /// Says what is in the file by now, and trims the memory.
    pub(crate) fn set_file(&self, file: DiskBody) {
        let mut state = self.state.lock();
        state.file = Some(file);
        state.trim();
    }

    pub(crate) fn set_retained(&self, retain: Retain) {
        let mut state = self.state.lock();
        state.retain = retain;
        state.trim();
    }

    /// Ends the body; the first end counts.
    pub(crate) fn end(&self, outcome: Outcome) {
        let mut state = self.state.lock();
        if matches!(state.outcome, Outcome::Filling) {
            state.outcome = outcome;
            state.wake_readers();
        }
    }

    /// The bytes that arrived so far.
    pub(crate) fn received(&self) -> u64 {
        self.state.lock().pieces.end()
    }

    /// The pieces from `from` on. Only the newest, short ones are copied.
    pub(crate) fn pieces_from(&self, from: u64) -> Vec<Bytes> {
        self.state.lock().pieces.from(from)
    }

    pub(crate) fn has_readers(&self) -> bool {
        !self.state.lock().readers.is_empty()
    }

    /// Ready when less than a window waits for readers, or there is no reader.
    pub(crate) fn poll_room(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut state = self.state.lock();
        if state.pieces.length() <= WINDOW || state.readers.is_empty() {
            state.fill = None;
            return Poll::Ready(());
        }
        state.fill = Some(cx.waker().clone());
        Poll::Pending
    }

    /// Adds a reader at the first byte.
    pub(crate) fn join(&self) -> u64 {
        let mut state = self.state.lock();
        let reader = state.next_reader;
        state.next_reader += 1;
        state.readers.insert(
            reader,
            Follower {
                position: 0,
                end: u64::MAX,
                waker: None,
            },
        );
        reader
    }

    /// Returns true if a reader that joins now finds the first byte.
    pub(crate) fn can_join(&self) -> bool {
        let state = self.state.lock();
        state.retain != Retain::Unread || state.pieces.first() == 0
    }

    /// Limits a reader that has not read yet to `from..end`.
    pub(crate) fn limit(&self, reader: u64, from: u64, end: u64) {
        let mut state = self.state.lock();
        if let Some(follower) = state.readers.get_mut(&reader) {
            follower.position = from;
            follower.end = end;
        }
        state.moved();
    }

    pub(crate) fn leave(&self, reader: u64) {
        let mut state = self.state.lock();
        state.readers.remove(&reader);
        state.moved();
    }

    /// Returns the offset of a reader's next byte.
    pub(crate) fn position(&self, reader: u64) -> u64 {
        self.state
            .lock()
            .readers
            .get(&reader)
            .map_or(0, |follower| follower.position)
    }

    /// Notes that a reader took `bytes` from the file.
    pub(crate) fn advance(&self, reader: u64, bytes: u64) {
        let mut state = self.state.lock();
        if let Some(follower) = state.readers.get_mut(&reader) {
            follower.position += bytes;
        }
        state.moved();
    }

    /// The length of the whole body, if it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        let state = self.state.lock();
        match state.outcome {
            Outcome::Complete => Some(state.pieces.end()),
            _ => state.expected,
        }
    }

    /// Returns a reader's next step; a piece that is given counts as read.
    pub(crate) fn poll_step(&self, reader: u64, cx: &mut Context<'_>) -> Poll<Step> {
        let mut state = self.state.lock();
        let state = &mut *state;
        let Some(follower) = state.readers.get_mut(&reader) else {
            return Poll::Ready(Step::End);
        };
        let position = follower.position;
        let limit = follower.end.min(state.pieces.end());
        if position >= follower.end {
            return Poll::Ready(Step::End);
        }
        if position >= limit {
            return match &state.outcome {
                Outcome::Complete => Poll::Ready(Step::End),
                Outcome::Failed(error) => Poll::Ready(Step::Error(error.clone())),
                Outcome::Filling => {
                    follower.waker = Some(cx.waker().clone());
                    Poll::Pending
                }
            };
        }
        if let Some(piece) = state.pieces.at(position, limit) {
            follower.position += piece.len() as u64;
            state.moved();
            return Poll::Ready(Step::Piece(piece));
        }
        Poll::Ready(match &state.file {
            Some(body) if position < body.length => Step::Read {
                body: body.clone(),
                to: limit.min(body.length),
            },
            _ => Step::Error(BodyError::TooLate),
        })
    }
}

impl State {
    fn in_file(&self) -> u64 {
        self.file.as_ref().map_or(0, |body| body.length)
    }

    /// Drops the pieces that are no longer needed in memory.
    fn trim(&mut self) {
        let in_file = self.in_file();
        match self.retain {
            Retain::All => {}
            Retain::Newest => self.pieces.trim(in_file, WINDOW),
            Retain::Unread => {
                let reading = self
                    .readers
                    .values()
                    .filter(|reader| reader.position < reader.end);
                let read = reading
                    .map(|reader| reader.position)
                    .min()
                    .unwrap_or(self.pieces.end());
                self.pieces.trim(in_file.max(read), 0);
            }
        }
    }

    /// A reader moved or left: in a body that is passed on this makes room.
    fn moved(&mut self) {
        if self.retain == Retain::Unread {
            self.trim();
            if (self.pieces.length() <= WINDOW || self.readers.is_empty())
                && let Some(fill) = self.fill.take()
            {
                fill.wake();
            }
        }
    }

    fn wake_readers(&mut self) {
        for reader in self.readers.values_mut() {
            if let Some(waker) = reader.waker.take() {
                waker.wake();
            }
        }
    }
}
