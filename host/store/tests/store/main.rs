//! The store through its interface, on real files.

mod basics;
mod bounds;
mod crash;
mod filling;
mod state;
mod support;
