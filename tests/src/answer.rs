//! An origin's answer: the message, and the ways in which it may come out wrong.

use crate::gate::Gate;
use crate::message::Fields;

/// One answer of an [`Origin`](crate::Origin). Without more said it carries a Content-Length and keeps the
/// connection open. It has no Date field unless the test gives it one.
#[derive(Clone, Debug)]
pub struct Answer {
    pub(crate) interim: Vec<(u16, Fields)>,
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<Part>,
    pub(crate) framing: Sent,
    pub(crate) trailers: Fields,
    pub(crate) before: Option<Gate>,
    pub(crate) cut: Option<u64>,
    pub(crate) then: Then,
    pub(crate) conditional: bool,
    pub(crate) raw: Option<Vec<u8>>,
}

/// A part of a body, in the order of sending.
#[derive(Clone, Debug)]
pub(crate) enum Part {
    Bytes(Vec<u8>),
    Generated(u64),
    Wait(Gate),
}

/// The framing on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Length,
    Chunked,
    UntilClose,
}

/// The fate of the connection afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Then {
    Keep,
    Close,
    CloseQuietly,
    Reset,
    Silence,
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Gate")
    }
}

impl Answer {
    /// An answer of this status without content.
    pub fn status(status: u16) -> Answer {
        Answer {
            interim: Vec::new(),
            status,
            fields: Fields::default(),
            body: Vec::new(),
            framing: Sent::Length,
            trailers: Fields::default(),
            before: None,
            cut: None,
            then: Then::Keep,
            conditional: false,
            raw: None,
        }
    }

    /// 200 with this content.
    pub fn ok(content: impl AsRef<[u8]>) -> Answer {
        Answer::status(200).content(content)
    }

    /// 200 with this many bytes of [`Generated`](crate::Generated) content.
    pub fn generated(length: u64) -> Answer {
        let mut answer = Answer::status(200);
        answer.body.push(Part::Generated(length));
        answer
    }

    /// These bytes instead of a message; the connection is closed behind them.
    pub fn raw(bytes: impl AsRef<[u8]>) -> Answer {
        Answer {
            raw: Some(bytes.as_ref().to_vec()),
            then: Then::CloseQuietly,
            ..Answer::status(0)
        }
    }

    /// No answer: the connection is closed.
    pub fn hang_up() -> Answer {
        Answer::raw("")
    }

    /// No answer: the connection is reset.
    pub fn reset() -> Answer {
        Answer {
            then: Then::Reset,
            ..Answer::raw("")
        }
    }

    /// No answer, and the connection stays open until the other side closes it.
    pub fn silence() -> Answer {
        Answer {
            then: Then::Silence,
            ..Answer::raw("")
        }
    }

    /// More content.
    pub fn content(mut self, content: impl AsRef<[u8]>) -> Answer {
        self.body.push(Part::Bytes(content.as_ref().to_vec()));
        self
    }

    /// Waits at the gate before what follows of the content; what came before is sent.
    pub fn then_waits(mut self, gate: &Gate) -> Answer {
        self.body.push(Part::Wait(gate.clone()));
        self
    }

    /// One more field line.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> Answer {
        self.fields.push(name, value.as_ref());
        self
    }

    /// `Cache-Control` with this value.
    pub fn cache_control(self, value: &str) -> Answer {
        self.field("Cache-Control", value)
    }

    /// An interim response before this one.
    pub fn after_interim(mut self, status: u16, name: &str, value: &str) -> Answer {
        let mut fields = Fields::default();
        fields.push(name, value.as_bytes());
        self.interim.push((status, fields));
        self
    }

    /// Waits at the gate before anything is sent.
    pub fn waits(mut self, gate: &Gate) -> Answer {
        self.before = Some(gate.clone());
        self
    }

    /// Sends the content in chunks, without a Content-Length.
    pub fn chunked(mut self) -> Answer {
        self.framing = Sent::Chunked;
        self
    }

    /// Ends the content by closing the connection, as HTTP/1.0 does.
    pub fn until_close(mut self) -> Answer {
        self.framing = Sent::UntilClose;
        self.then = Then::Close;
        self
    }

    /// A trailer field; makes the answer chunked.
    pub fn trailer(mut self, name: &str, value: &str) -> Answer {
        self.trailers.push(name, value.as_bytes());
        self.chunked()
    }

    /// Closes the connection after so many bytes of the content, although the framing promised all of it.
    pub fn cut_after(mut self, bytes: u64) -> Answer {
        self.cut = Some(bytes);
        self.then = Then::CloseQuietly;
        self
    }

    /// As `cut_after`, with a reset.
    pub fn reset_after(self, bytes: u64) -> Answer {
        Answer {
            then: Then::Reset,
            ..self.cut_after(bytes)
        }
    }

    /// As `cut_after`, but the connection stays open and nothing more is sent.
    pub fn stalls_after(self, bytes: u64) -> Answer {
        Answer {
            then: Then::Silence,
            ..self.cut_after(bytes)
        }
    }

    /// Says `Connection: close` and closes.
    pub fn closes(mut self) -> Answer {
        self.then = Then::Close;
        self.field("Connection", "close")
    }

    /// Closes the connection afterwards without having said so.
    pub fn closes_quietly(mut self) -> Answer {
        self.then = Then::CloseQuietly;
        self
    }

    /// Leaves the connection open afterwards, against what was said before.
    pub fn stays_open(mut self) -> Answer {
        self.then = Then::Keep;
        self
    }

    /// Answers 304 where the request's validators match this answer's ETag or Last-Modified.
    pub fn or_304(mut self) -> Answer {
        self.conditional = true;
        self
    }
}
