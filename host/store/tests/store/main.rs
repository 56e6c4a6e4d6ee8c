//! The store through its interface, on real files.
#![allow(
    clippy::disallowed_methods,
    reason = "tests read and write files themselves"
)]

mod basics;
mod bounds;
mod crash;
mod damage;
mod disk;
mod faults;
mod filling;
mod freshening;
mod intruders;
mod loads;
mod pairing;
mod pieces;
mod power;
mod state;
mod support;
