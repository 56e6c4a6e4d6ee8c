//! The guard of HTTP/1: bytes of a viewer that can be read in more than one way are refused before anything else reads them.
//!
//! It stands between the viewer's socket and hyper. [`Guard`] wraps the stream; hyper reads through it. A message head reaches
//! hyper only when it is complete and has passed every check; content passes through while its framing is checked.
//!
//! Why: hyper is lenient where an edge must not be. It takes a bare LF for a line end, drops Content-Length when
//! Transfer-Encoding stands beside it, and answers 200; an origin that reads the same bytes the other way is then open to
//! request smuggling. What the guard approves has one reading, so hyper, this edge and the origin agree on it.
//!
//! Rules that are not about bytes stand in [`message`](super::message) and are checked when hyper has read the head. The guard
//! asks that module for what it can't leave until then: the target, since hyper answers by itself where it can't be read, and
//! the limits, since the guard must stop at them.
//!
//! Specification: RFC 9112 sections 2 to 7 (message format, framing, chunked coding), RFC 9110 sections 5 and 8.6 (fields,
//! Content-Length). Where these allow a server to repair or to refuse, the guard refuses.
//!
//! Where the specifications leave a choice, this was chosen:
//! - Several Content-Length values are refused, equal ones too, and so are leading zeros: no viewer needs them.
//! - Every transfer coding but one `chunked` is 501; a repeated `chunked` or a malformed list is 400.
//! - A target has no fragment. What a viewer should have percent-encoded (`"`, `<`, `>`, bytes beyond ASCII) is encoded on
//!   the way to hyper. Characters that browsers leave unencoded (`|`, `{`, `^` and the like) pass.
//! - A well-formed version other than 1.1 and 1.0 is 505. CONNECT is 403: what follows it is not HTTP.
//! - Four empty lines may come before a request line. Everything malformed is 400.
//!
//! How a refusal is answered in order: the guard gives hyper a harmless request in place of the refused head and writes the
//! [`Refusal`] into the connection's [`GuardState`]. The service calls [`GuardState::begin`] and [`GuardState::head_refusal`]
//! first for every request; for that one it gets the refusal, and answers with it. Earlier requests of the same connection are answered before. A
//! refusal inside content is an error of the content stream instead: see [`refusal_of`]. Nothing is read from the
//! connection after a refusal, and it is closed after the answer.
//!
//! A viewer that ends its sending side behind a complete request still gets its answers: hyper learns of the end when they are
//! sent. Whether the viewer has left altogether is [found out](departure) meanwhile.
//!
//! ```text
//! socket -> Guard { Inspector { head | length | chunked | trailers } } -> hyper -> service -> GuardState::head_refusal
//! ```

mod chunked;
mod departure;
mod fields;
mod framing;
mod head;
mod inspect;
mod linger;
mod refusal;
mod state;
mod stream;

pub use chunked::MAX_CHUNK_EXTENSION_BYTES;
pub use refusal::{Refusal, refusal_of};
pub use state::{GuardState, UnderWay};
pub use stream::Guard;

#[cfg(test)]
mod tests;
