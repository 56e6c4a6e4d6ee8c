//! The content of a response that is put together from slices while it is sent.
//!
//! One slice is read while the next one is looked up or asked for: no more than that is fetched for a viewer that goes away.

use super::plan::{Lost, Plan};
use super::version::Version;
use crate::pipeline::exchange::{BodyError, Content, Sliced, SlicedBody};
use bytes::Bytes;
use selvedge_store::BodyReader;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// Why a body of slices ends early.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Broken {
    #[error("the origin has changed the content while it was being sent")]
    Changed,
    #[error("the origin gave a part of the content and refused another")]
    Refused,
    #[error("a slice is shorter than it should be")]
    Short,
    #[error("a stored slice is damaged, and so was the one after it")]
    Damaged,
}

impl Broken {
    fn as_str(self) -> &'static str {
        match self {
            Broken::Changed => "slices-changed",
            Broken::Refused => "slice-refused",
            Broken::Short => "slice-short",
            Broken::Damaged => "slice-damaged",
        }
    }
}

/// The number of times that a slice is opened: a stored one that is damaged is fetched anew.
const MAX_OPENED: u32 = 2;

type Opening = Pin<Box<dyn Future<Output = Result<BodyReader, Broken>> + Send>>;

/// The slice behind the one that is read.
enum Ahead {
    /// Nobody has asked for it yet.
    Unasked,
    Opening(Opening),
    Open(BodyReader),
    Broken(Broken),
}

/// Slices of one version, as the content of a response.
pub(super) struct Slices {
    pub(super) plan: Arc<Plan>,
    pub(super) version: Version,
    /// True if the head was stored before: it did not come straight from the origin.
    pub(super) was_stored: bool,
    /// A slice that is there already, so that it is not asked for again.
    pub(super) open: Option<(u64, Content)>,
    /// The slice behind it, if it is there already.
    pub(super) ahead: Option<(u64, Content)>,
}

impl Sliced for Slices {
    fn length(&self) -> u64 {
        self.version.length
    }

    fn was_stored(&self) -> bool {
        self.was_stored
    }

    fn read(self: Box<Self>, first: u64, last: u64) -> Box<dyn SlicedBody> {
        Box::new(SliceBody::new(*self, first, last))
    }
}

/// A body of slices, or of the part of them that was asked for.
struct SliceBody {
    plan: Arc<Plan>,
    version: Version,
    /// The position of the first byte of all that is sent.
    first: u64,
    /// The position behind the last byte.
    end: u64,
    /// The position of the next byte.
    position: u64,
    /// Reads the slice of that position, and the position at which that ends.
    reading: Option<(BodyReader, u64)>,
    /// The number of the slice that is read next.
    next: u64,
    ahead: Ahead,
}

impl SliceBody {
    /// The bytes from the first to the last, both included.
    fn new(slices: Slices, first: u64, last: u64) -> SliceBody {
        let mut body = SliceBody {
            version: slices.version,
            first,
            end: last.saturating_add(1),
            position: first,
            reading: None,
            next: slices.plan.index_of(first),
            ahead: Ahead::Unasked,
            plan: slices.plan,
        };
        for (index, content) in [slices.open, slices.ahead].into_iter().flatten() {
            if index != body.next {
                continue;
            }
            if let Some(reader) = body.part_of(index).and_then(|part| reader(content, part)) {
                match body.reading {
                    None => body.read(reader),
                    Some(_) => body.ahead = Ahead::Open(reader),
                }
            }
        }
        body
    }

    /// Asks for the slice that is read next, and carries on with that.
    fn look_ahead(&mut self, cx: &mut Context<'_>) {
        if matches!(self.ahead, Ahead::Unasked) {
            let Some(part) = self.part_of(self.next) else {
                return;
            };
            self.ahead = Ahead::Opening(self.open(self.next, part));
        }
        if let Ahead::Opening(opening) = &mut self.ahead
            && let Poll::Ready(opened) = opening.as_mut().poll(cx)
        {
            self.ahead = match opened {
                Ok(reader) => Ahead::Open(reader),
                Err(why) => Ahead::Broken(why),
            };
        }
    }

    fn open(&self, index: u64, part: (u64, u64)) -> Opening {
        let (plan, version) = (self.plan.clone(), self.version.clone());
        let sent = plan.index_of(self.first)..=index;
        Box::pin(async move {
            for _ in 0..MAX_OPENED {
                let content = match plan.open(index, &version, sent.clone()).await {
                    Ok(content) => content,
                    Err(Lost::Changed) => return Err(Broken::Changed),
                    Err(Lost::Failed(_) | Lost::Refused) => return Err(Broken::Refused),
                };
                let mut reader = reader(content, part).ok_or(Broken::Short)?;
                if reader.begin().await.is_ok() {
                    return Ok(reader);
                }
            }
            Err(Broken::Damaged)
        })
    }

    /// Returns the range of a slice that is sent, counted from its beginning; `None` if nothing is.
    fn part_of(&self, index: u64) -> Option<(u64, u64)> {
        let start = self.plan.start_of(index);
        let end = start.saturating_add(self.plan.size).min(self.end);
        let first = self.first.max(start);
        (first < end).then(|| (first - start, end - 1 - start))
    }

    /// Goes on with the next slice.
    fn read(&mut self, reader: BodyReader) {
        self.next += 1;
        self.reading = Some((reader, self.plan.start_of(self.next).min(self.end)));
    }

    fn fail(&mut self, why: Broken) -> Poll<Option<Result<Bytes, BodyError>>> {
        tracing::warn!(
            target: "origin",
            distribution = self.plan.distribution(),
            request_id = %self.plan.request_id(),
            error = why.as_str(),
            position = self.position,
            "the response breaks off: {why}"
        );
        Poll::Ready(Some(Err(why.into())))
    }
}

impl SlicedBody for SliceBody {
    fn left(&self) -> u64 {
        self.end - self.position
    }

    fn poll_begin(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), selvedge_store::BodyError>> {
        match &mut self.reading {
            Some((reader, _)) => reader.poll_begin(cx),
            None => Poll::Ready(Ok(())),
        }
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BodyError>>> {
        loop {
            if self.left() == 0 {
                return Poll::Ready(None);
            }
            self.look_ahead(cx);
            let Some((reader, end)) = &mut self.reading else {
                match std::mem::replace(&mut self.ahead, Ahead::Unasked) {
                    Ahead::Open(reader) => self.read(reader),
                    Ahead::Broken(why) => return self.fail(why),
                    waiting => {
                        self.ahead = waiting;
                        return Poll::Pending;
                    }
                }
                continue;
            };
            match ready!(reader.poll_next(cx)) {
                Some(Ok(piece)) => {
                    self.position += piece.len() as u64;
                    return Poll::Ready(Some(Ok(piece)));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None if self.position == *end => self.reading = None,
                None => return self.fail(Broken::Short),
            }
        }
    }
}

/// Reads a part of a slice.
fn reader(content: Content, (first, last): (u64, u64)) -> Option<BodyReader> {
    match content {
        Content::Complete(variant) => Some(variant.reader(Some((first, last)))),
        Content::Arriving(reader, _) => Some(reader.range(first, last)),
        Content::Slices(_) => None,
    }
}
