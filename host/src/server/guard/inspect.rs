//! The inspection of one connection's bytes, from message to message: some pass to hyper, some wait, some are refused.
//!
//! Pure: `stream` does the reading. Heads and trailer sections wait until they are complete; other content passes at once.

use super::super::message::{MAX_TRAILER_BYTES, MAX_TRAILERS, RefusalReason};
use super::chunked::{ChunkCheck, Found};
use super::fields::{Broken, FieldSection, Limits};
use super::framing::Framing;
use super::head::HeadCheck;
use super::refusal::Refusal;

const TRAILER_LIMITS: Limits = Limits {
    bytes: MAX_TRAILER_BYTES,
    lines: MAX_TRAILERS,
    too_large: RefusalReason::TrailersTooLarge,
    too_many: RefusalReason::TrailersTooLarge,
};

/// The outcome of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Inspection {
    /// This many bytes from the start may be seen by hyper.
    pub(super) approved: usize,
    /// This many complete heads are among them.
    pub(super) heads: u64,
    pub(super) verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The head behind the approved bytes passes once its target is percent-encoded. It is counted among the heads. Inspect
    /// what follows it next.
    Encode(RawHead),
    /// Nothing is wrong yet. Bytes that were not approved belong to an unfinished head or trailer section: give them again, with more
    /// behind them.
    Open,
    /// A head is refused; it begins behind the approved bytes.
    Head(Refusal),
    /// Content is refused behind the approved bytes.
    Content(Refusal),
}

/// A head that passed but for its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RawHead {
    /// Its bytes.
    pub(super) length: usize,
    /// The beginning and the end of its target among them.
    pub(super) target: (usize, usize),
}

/// The position of a connection: in which message, and where in it.
#[derive(Debug)]
pub(super) struct Inspector {
    stage: Stage,
    /// Bytes of the present chunked content that were approved, for messages.
    content_bytes: u64,
}

#[derive(Debug)]
enum Stage {
    Head(HeadCheck),
    Length(u64),
    Chunked(ChunkCheck),
    Trailers(FieldSection),
}

impl Stage {
    fn head() -> Self {
        Stage::Head(HeadCheck::default())
    }
}

impl Inspector {
    pub(super) fn new() -> Self {
        Self {
            stage: Stage::head(),
            content_bytes: 0,
        }
    }

    /// Returns true if a message has begun and not ended.
    pub(super) fn is_within_message(&self) -> bool {
        match &self.stage {
            Stage::Head(check) => check.has_begun(),
            _ => true,
        }
    }

    /// Returns true if the next byte belongs to a head, or to the empty lines before one.
    pub(super) fn is_in_head(&self) -> bool {
        matches!(self.stage, Stage::Head(_))
    }

    /// Inspects what was held back by the last call, followed by what came since.
    ///
    /// With `tunnel`, whatever follows the present message is not HTTP and is approved unseen.
    pub(super) fn inspect(&mut self, bytes: &[u8], tunnel: bool) -> Inspection {
        let mut done = Inspection {
            approved: 0,
            heads: 0,
            verdict: Verdict::Open,
        };
        while let Some(rest) = bytes.get(done.approved..).filter(|rest| !rest.is_empty()) {
            if tunnel && self.is_in_head() {
                done.approved = bytes.len();
                break;
            }
            let (taken, verdict) = self.step(rest, &mut done.heads);
            done.approved += taken;
            done.verdict = verdict;
            if taken == 0 || verdict != Verdict::Open {
                break;
            }
        }
        done
    }

    /// Takes what belongs to the present stage. Returns its approved bytes; none when more must come first.
    fn step(&mut self, rest: &[u8], heads: &mut u64) -> (usize, Verdict) {
        match &mut self.stage {
            Stage::Head(check) => match check.advance(rest) {
                Err(refusal) => (0, Verdict::Head(refusal)),
                Ok(None) => (0, Verdict::Open),
                Ok(Some(head)) => {
                    *heads += 1;
                    self.begin_content(head.framing);
                    match head.raw_target {
                        None => (head.length, Verdict::Open),
                        Some(target) => {
                            let length = head.length;
                            (0, Verdict::Encode(RawHead { length, target }))
                        }
                    }
                }
            },
            Stage::Length(left) => {
                let taken = (rest.len() as u64).min(*left);
                *left -= taken;
                if *left == 0 {
                    self.stage = Stage::head();
                }
                // No more than `rest`'s length.
                (taken as usize, Verdict::Open)
            }
            Stage::Chunked(check) => {
                let (taken, found) = check.advance(rest);
                self.content_bytes += taken as u64;
                match found {
                    Found::More => {}
                    Found::LastChunk => {
                        self.stage = Stage::Trailers(FieldSection::new(0, TRAILER_LIMITS));
                    }
                    Found::Broken(reason) => {
                        return (taken, self.refuse_content(reason, 0));
                    }
                }
                (taken, Verdict::Open)
            }
            Stage::Trailers(section) => match section.advance(rest, |_| Ok(())) {
                Err(Broken { reason, at }) => (0, self.refuse_content(in_content(reason), at)),
                Ok(None) => (0, Verdict::Open),
                Ok(Some(length)) => {
                    self.stage = Stage::head();
                    (length, Verdict::Open)
                }
            },
        }
    }

    fn begin_content(&mut self, framing: Framing) {
        self.content_bytes = 0;
        self.stage = match framing {
            Framing::Empty => Stage::head(),
            Framing::Length(length) => Stage::Length(length),
            Framing::Chunked => Stage::Chunked(ChunkCheck::default()),
        };
    }

    fn refuse_content(&self, reason: RefusalReason, at: usize) -> Verdict {
        Verdict::Content(Refusal::new(reason, self.content_bytes + at as u64))
    }
}

/// Returns the reason for a field line's fault where the line is a trailer.
fn in_content(reason: RefusalReason) -> RefusalReason {
    match reason {
        RefusalReason::TrailersTooLarge => reason,
        RefusalReason::BareCr => RefusalReason::BareCrInContent,
        RefusalReason::BareLf => RefusalReason::BareLfInContent,
        _ => RefusalReason::MalformedTrailer,
    }
}
