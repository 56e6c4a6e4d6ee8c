//! The pipeline in one process, for tests: a real store in a folder of its own, a real plugin engine, origins without
//! sockets, and a clock that stands still until the test moves it.
//!
//! ```ignore
//! #[tokio::test]
//! async fn a_fresh_response_is_used_again() {
//!     let origin = Origin::new();
//!     let host = Host::before(&origin).start();
//!     origin.on("/a").answers(Answer::ok("one").field("Cache-Control", "max-age=60"));
//!     host.get("/a").await.expect(200).body("one").cache("fwd=uri-miss");
//!     host.advance(30);
//!     host.get("/a").await.expect(200).age(30).cache("hit");
//!     assert_eq!(origin.requests("/a").len(), 1);
//! }
//! ```
//!
//! A [`Gate`] orders the two sides: an [`Answer`] waits for it before its head or within its body.

#![allow(
    dead_code,
    unused_imports,
    reason = "a harness has more than the tests of the moment use"
)]

mod answer;
mod gate;
mod host;
mod origin;
mod plugin;
mod response;

pub(crate) use answer::Answer;
pub(crate) use gate::Gate;
pub(crate) use host::{Ask, Host, get};
pub(crate) use origin::Origin;
pub(crate) use plugin::{At, Says};
pub(crate) use response::Response;
