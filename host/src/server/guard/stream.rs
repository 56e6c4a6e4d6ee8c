//! The guarded stream itself: reads from the viewer, asks the inspector, gives hyper what was approved.
//!
//! A read goes straight into hyper's buffer and is inspected there. Only an unfinished head or trailer section is copied and
//! held back, at most about 50 KiB, and what follows a head whose target must be encoded, at most three times what one read
//! brought. A connection without these holds no buffer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::super::message::{RefusalReason, encode};
use super::departure::Departure;
use super::inspect::{Inspection, Inspector, RawHead, Verdict};
use super::linger::Linger;
use super::refusal::Refusal;
use super::state::GuardState;

/// A request that hyper sees in place of a refused head. Its content means nothing: the state tells it from a viewer's request.
const REPLACEMENT: &[u8] = b"GET / HTTP/1.1\r\nHost: refused.invalid\r\nConnection: close\r\n\r\n";

/// Most bytes read at once while bytes are held back: bounds what is held.
const HELD_READ: usize = 8 * 1024;

/// A viewer's stream whose bytes are checked before hyper reads them. Writing passes through.
#[derive(Debug)]
pub struct Guard<S> {
    stream: S,
    inspector: Inspector,
    state: Arc<GuardState>,
    /// Bytes not yet given to hyper: approved ones first, then an unfinished head or trailer section.
    held: BytesMut,
    /// The number of bytes of `held` that are approved.
    approved: usize,
    input: Input,
    linger: Linger,
    departure: Departure,
    /// All that was written has reached the system.
    is_flushed: bool,
}

/// The state of the input behind the approved bytes.
#[derive(Clone, Copy, Debug)]
enum Input {
    Open,
    /// The viewer's end.
    Ended,
    /// A head was refused: hyper gets no more, and closes after its answer.
    HeadRefused,
    ContentRefused(Refusal),
}

impl<S> Guard<S> {
    /// Wraps the stream. The state goes to the connection's service.
    pub fn new(stream: S) -> (Self, Arc<GuardState>) {
        let state = Arc::new(GuardState::default());
        let guard = Self {
            stream,
            inspector: Inspector::new(),
            state: Arc::clone(&state),
            held: BytesMut::new(),
            approved: 0,
            input: Input::Open,
            linger: Linger::default(),
            departure: Departure::default(),
            is_flushed: true,
        };
        (guard, state)
    }

    /// The wrapped stream, for its address and options.
    pub fn get_ref(&self) -> &S {
        &self.stream
    }

    /// Gives approved bytes, as many as there is room for.
    fn give(&mut self, out: &mut ReadBuf<'_>) {
        let given = self.approved.min(out.remaining());
        // `approved` never exceeds what is held.
        out.put_slice(self.held.get(..given).unwrap_or_default());
        self.held.advance(given);
        self.approved -= given;
        if self.held.is_empty() {
            // An idle connection keeps no buffer.
            self.held = BytesMut::new();
        }
    }

    /// Inspects, and tells the service what it must know. One lock: no tunnel can open between the two.
    fn inspect(&mut self, bytes: &[u8]) -> Inspection {
        let mut facts = self.state.lock();
        let found = self.inspector.inspect(bytes, self.state.is_tunnel());
        facts.approved += found.heads;
        match found.verdict {
            Verdict::Open | Verdict::Encode(_) => {}
            Verdict::Head(refusal) => {
                facts.approved += 1;
                facts.refused_head = Some((facts.approved, refusal));
                self.state.refused();
                self.input = Input::HeadRefused;
            }
            Verdict::Content(refusal) => {
                facts.refused_content = Some((facts.approved, refusal));
                self.state.refused();
                self.input = Input::ContentRefused(refusal);
            }
        }
        found
    }

    /// Inspects bytes that stand in hyper's buffer behind `start`: what is approved stays there, what must wait is held.
    fn inspect_in_place(&mut self, out: &mut ReadBuf<'_>, start: usize) {
        let fresh = out.filled().get(start..).unwrap_or_default();
        let found = self.inspect(fresh);
        let (_, rest) = fresh.split_at(found.approved);
        match found.verdict {
            Verdict::Open => self.held.extend_from_slice(rest),
            Verdict::Encode(raw) => self.encode_from(rest, raw),
            Verdict::Head(_) => self.queue_replacement(),
            Verdict::Content(_) => {}
        }
        out.set_filled(start + found.approved);
    }

    /// Inspects the bytes that were held back, with more behind them.
    fn inspect_held(&mut self, fresh: &[u8]) {
        let mut bytes = std::mem::take(&mut self.held);
        bytes.extend_from_slice(fresh);
        let found = self.inspect(&bytes);
        self.settle(bytes, found);
    }

    /// Queues what an inspection of `bytes` approved, and holds back what must wait.
    fn settle(&mut self, mut bytes: BytesMut, found: Inspection) {
        self.approved = found.approved;
        match found.verdict {
            Verdict::Open => self.held = bytes,
            Verdict::Encode(raw) => {
                let rest = bytes.split_off(found.approved);
                self.held = bytes;
                self.encode_from(&rest, raw);
            }
            Verdict::Head(_) | Verdict::Content(_) => {
                bytes.truncate(found.approved);
                self.held = bytes;
            }
        }
        if let Verdict::Head(_) = found.verdict {
            self.queue_replacement();
        }
    }

    /// Queues the refused head's replacement behind what is approved. Nothing else is held then.
    fn queue_replacement(&mut self) {
        self.held.extend_from_slice(REPLACEMENT);
        self.approved = self.held.len();
    }

    /// Queues the heads at the start of `bytes` whose targets must be encoded, and all that is approved between and behind
    /// them. What is held is approved then.
    fn encode_from(&mut self, mut bytes: &[u8], mut raw: RawHead) {
        loop {
            let (head, rest) = bytes.split_at(raw.length);
            let (start, end) = raw.target;
            self.held
                .extend_from_slice(head.get(..start).unwrap_or_default());
            encode(head.get(start..end).unwrap_or_default(), &mut self.held);
            self.held
                .extend_from_slice(head.get(end..).unwrap_or_default());
            let found = self.inspect(rest);
            let (approved, waiting) = rest.split_at(found.approved);
            self.held.extend_from_slice(approved);
            self.approved = self.held.len();
            match found.verdict {
                Verdict::Encode(next) => (bytes, raw) = (waiting, next),
                Verdict::Open => return self.held.extend_from_slice(waiting),
                Verdict::Head(_) => return self.queue_replacement(),
                Verdict::Content(_) => return,
            }
        }
    }

    /// The viewer sends no more. A head cut short is refused, so that a viewer that still listens learns why.
    fn end(&mut self) {
        self.input = Input::Ended;
        let is_within_head = self.inspector.is_in_head() && self.inspector.is_within_message();
        if is_within_head && !self.state.is_tunnel() {
            let refusal = Refusal::new(RefusalReason::TruncatedHead, self.held.len() as u64);
            let mut facts = self.state.lock();
            facts.approved += 1;
            facts.refused_head = Some((facts.approved, refusal));
            self.state.refused();
            drop(facts);
            self.input = Input::HeadRefused;
            self.held.clear();
            self.queue_replacement();
        }
    }
}

impl<S: AsyncRead + Unpin> Guard<S> {
    /// Reads once. Afterwards bytes are in `out`, or in `held`, or the input has ended.
    fn poll_more(&mut self, cx: &mut Context<'_>, out: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.held.is_empty() {
            let start = out.filled().len();
            ready!(Pin::new(&mut self.stream).poll_read(cx, out))?;
            if out.filled().len() == start {
                self.end();
            } else {
                self.inspect_in_place(out, start);
            }
        } else {
            // hyper's buffer serves as scratch space: what is read moves to `held`.
            let room = out.remaining().min(HELD_READ);
            let mut scratch = ReadBuf::new(out.initialize_unfilled_to(room));
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut scratch))?;
            if scratch.filled().is_empty() {
                self.end();
            } else {
                self.inspect_held(scratch.filled());
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Guard<S> {
    /// Reads behind the viewer's end. Hyper learns of that when no response is under way to a viewer that may still read.
    fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let is_complete = !self.inspector.is_within_message() && !self.state.is_tunnel();
        if !is_complete || !self.state.is_under_way() {
            return Poll::Ready(Ok(()));
        }
        let may_begin = self.is_flushed && self.state.awaits_head();
        let stream = Pin::new(&mut self.stream);
        self.departure.poll(stream, may_begin, cx).map(Err)
    }

    /// Writes the first of these pieces that has bytes, without the byte that was sent before.
    fn poll_write_behind_first(
        &mut self,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let before = self.departure.sent_before(bytes)?;
        let rest = bytes.get(before..).unwrap_or_default();
        let written = match rest.is_empty() {
            true => 0,
            false => ready!(Pin::new(&mut self.stream).poll_write(cx, rest))?,
        };
        if !bytes.is_empty() {
            self.departure.joined();
        }
        Poll::Ready(Ok(before + written))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Guard<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        let start = out.filled().len();
        if out.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        loop {
            if guard.state.is_tunnel() && guard.inspector.is_in_head() {
                guard.approved = guard.held.len();
            }
            if guard.approved > 0 {
                guard.give(out);
            }
            if out.filled().len() > start {
                return Poll::Ready(Ok(()));
            }
            match guard.input {
                Input::Open => ready!(guard.poll_more(cx, out))?,
                Input::Ended => return guard.poll_end(cx),
                // Not an end: hyper would take that for a viewer who left and drop the answer. It closes after the answer,
                // since the replacement asks for that, so nothing needs to wake this read.
                Input::HeadRefused => return Poll::Pending,
                Input::ContentRefused(refusal) => return Poll::Ready(Err(refusal.into_io_error())),
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Guard<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        guard.is_flushed = false;
        if guard.departure.is_first_sent() {
            return guard.poll_write_behind_first(cx, bytes);
        }
        Pin::new(&mut guard.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let guard = self.get_mut();
        guard.is_flushed = false;
        if guard.departure.is_first_sent() {
            let first = slices.iter().find(|slice| !slice.is_empty());
            return guard.poll_write_behind_first(cx, first.map_or(&[], |slice| slice));
        }
        Pin::new(&mut guard.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        ready!(Pin::new(&mut guard.stream).poll_flush(cx))?;
        guard.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let guard = self.get_mut();
        if guard.state.is_tunnel() {
            return Pin::new(&mut guard.stream).poll_shutdown(cx);
        }
        let was_refused = matches!(guard.input, Input::HeadRefused | Input::ContentRefused(_));
        let expect_more = was_refused || guard.inspector.is_within_message();
        guard
            .linger
            .poll(Pin::new(&mut guard.stream), expect_more, cx)
    }
}
