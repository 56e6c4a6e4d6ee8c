//! The viewers' side: listeners, connections, and their end.
//!
//! Each connection is read by [`guard::Guard`] first, so that what hyper sees can be read in one way only; hyper speaks
//! HTTP/1.1; [`message`] checks what was read; the pipeline answers.

mod admission;
mod connection;
mod forwarded;
pub mod guard;
mod lazy_timer;
mod listen;
pub mod message;
mod service;
mod upload;
mod write_timeout;

pub use listen::{Listening, bind, serve};
