//! End to end: real processes, real sockets, real Wasm.
//!
//! A test reads as a conversation: what the origin answers, what the viewer asks, and what both of them saw.
//!
//! ```no_run
//! use selvedge_tests::*;
//!
//! let origin = Origin::start();
//! let edge = Edge::in_front_of(&origin).start();
//! origin.on("/a").answers(Answer::ok("one").field("Cache-Control", "max-age=60"));
//! edge.get("/a").expect(200).body("one").cache_status("fwd=uri-miss");
//! edge.advance(Secs(30));
//! edge.get("/a").expect(200).age(30).cache_status("hit");
//! assert_eq!(origin.requests("/a").len(), 1);
//! ```
//!
//! - [`Origin`] is a scripted HTTP/1.1 server that keeps every request as bytes and as fields;
//! - [`Edge`] is the real binary in a process of its own, with its own configuration, store and free ports,
//!   on a clock that stands still until the test moves it;
//! - [`Viewer`] is a connection written by hand, that can send anything, and [`Ask`] one plain request on it;
//! - [`Corpus`] is full load by many viewers, where every byte of every response is known;
//! - [`guests`] builds the plugins of `tests/guests` from source to Wasm;
//! - [`Gate`] orders the two sides where a test needs that, in place of sleeping.
//!
//! Nothing here depends on a crate of the host: the tests know what anybody outside of the process knows.

mod answer;
mod binary;
mod config;
mod edge;
mod gate;
mod generated;
mod geo;
pub mod guests;
mod invalidating;
mod load;
mod message;
mod object;
mod origin;
mod process;
mod project;
mod response;
mod slicing;
mod system;
mod viewer;
mod wire;

pub use answer::Answer;
pub use binary::{selvedge, workspace};
pub use config::Distribution;
pub use edge::{ALIAS, Edge, EdgeBuilder, Secs};
pub use gate::{Gate, eventually};
pub use generated::Generated;
pub use geo::GeoDatabase;
pub use invalidating::{invalidate, numbered, selvedge_on};
pub use load::{Chance, Corpus};
pub use message::{Fields, Head};
pub use object::{Object, ranges, sends};
pub use origin::{Origin, Route, Seen, nobody_listens};
pub use process::{Background, Exit, Run, run, run_in};
pub use project::Project;
pub use response::{End, Response};
pub use slicing::{SLICE, sliced, store_slice};
pub use viewer::{Ask, Viewer};
