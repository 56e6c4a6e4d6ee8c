//! From the bytes of a plugin file to machine code: who makes it, and within which bounds.
//!
//! It is the only costly step of loading, and the only one that a hostile file can drive far: a few hundred bytes can
//! describe gigabytes of work. So a host lets a process of its own do it ([`Compiler::Child`]), with limits that the system
//! enforces. The file's bytes are all that the child gets, or these and what `init` left in memory, and machine code or a
//! refusal all that comes back.
//!
//! It is no sandbox around the compiler. The child runs as the same user, and its machine code is trusted.

mod child;
mod compiler;
mod job;
pub(crate) mod limits;
mod memory;
mod snapshot;
mod steps;
mod worker;

pub use child::ChildCompiler;
pub use compiler::Compiler;
pub(crate) use compiler::machine_code;
pub(crate) use job::Job;
pub(crate) use memory::Memory;
pub(crate) use snapshot::ACCESS;
pub(crate) use steps::settings;
pub use worker::compile_worker;
