//! Follows one connection's bytes from message to message: which of them hyper may see, which wait, what is refused.
//!
//! Pure: `stream` does the reading. Heads and trailer sections wait until they are complete; other content passes at once.

use super::chunked::{ChunkCheck, Found};
use super::fields::{Broken, Field, FieldSection, Limits};
use super::framing::Framing;
use super::head::HeadCheck;
use super::refusal::{Refusal, RefusalReason};

/// Largest trailer section, in bytes: all trailer field lines with their line ends.
pub const MAX_TRAILER_BYTES: usize = 8 * 1024;

/// Most trailer field lines.
pub const MAX_TRAILERS: usize = 32;

const TRAILER_LIMITS: Limits = Limits {
    bytes: MAX_TRAILER_BYTES,
    lines: MAX_TRAILERS,
    too_large: RefusalReason::TrailersTooLarge,
    too_many: RefusalReason::TrailersTooLarge,
};

/// Fields that may not come behind the content: they frame or route the message, authenticate, condition or describe how to read
/// it (RFC 9110 section 6.5.1), and this edge acts on them before the trailers come.
const FORBIDDEN_TRAILERS: [&str; 41] = [
    "age",
    "authorization",
    "cache-control",
    "cdn-loop",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "expires",
    "forwarded",
    "host",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "if-unmodified-since",
    "keep-alive",
    "location",
    "max-forwards",
    "pragma",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "retry-after",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "vary",
    "via",
    "www-authenticate",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
];

/// What became of the bytes of one call.
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
    /// Nothing is wrong yet. Bytes that were not approved belong to an unfinished head or trailer section: give them again, with more
    /// behind them.
    Open,
    /// A head is refused; it begins behind the approved bytes.
    Head(Refusal),
    /// Content is refused behind the approved bytes.
    Content(Refusal),
}

/// Where in which message the connection stands.
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

    /// Whether a message has begun and not ended.
    pub(super) fn is_within_message(&self) -> bool {
        match &self.stage {
            Stage::Head(check) => check.has_begun(),
            _ => true,
        }
    }

    /// Whether the next byte belongs to a head, or to the empty lines before one.
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
                    (head.length, Verdict::Open)
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
            Stage::Trailers(section) => match section.advance(rest, judge_trailer) {
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

fn judge_trailer(field: Field<'_>) -> Result<(), RefusalReason> {
    let is_forbidden = FORBIDDEN_TRAILERS
        .iter()
        .any(|name| field.name.eq_ignore_ascii_case(name.as_bytes()));
    if is_forbidden {
        Err(RefusalReason::ForbiddenTrailer)
    } else {
        Ok(())
    }
}

/// The word for a field line's fault when the line is a trailer.
fn in_content(reason: RefusalReason) -> RefusalReason {
    match reason {
        RefusalReason::ForbiddenTrailer | RefusalReason::TrailersTooLarge => reason,
        RefusalReason::BareCr => RefusalReason::BareCrInContent,
        RefusalReason::BareLf => RefusalReason::BareLfInContent,
        _ => RefusalReason::MalformedTrailer,
    }
}
