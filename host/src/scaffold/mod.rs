//! Projects of plugins: writing a new one, and building one.
//!
//! [`new()`] writes a project that builds anywhere, although the SDK is not published: the host binary carries the
//! SDK's sources and puts them into the project. [`build()`] runs cargo with the target and the profile that plugins
//! are built with, and leaves the module where a distribution file can name it. Neither takes part in a request's
//! life; `selvedge plugin` and `selvedge dev` call them. Both block: call them off the async threads.
#![expect(
    clippy::disallowed_methods,
    reason = "projects are written and built by commands, which have no workers to block"
)]

mod build;
mod built;
mod cargo;
mod examples;
mod files;
mod hook;
mod name;
mod new;
mod scenarios;
mod script;
mod template;

pub use build::build;
pub use built::{BuildError, Built, TARGET};
pub use hook::{Hook, UnknownHook};
pub use name::NameProblem;
pub use new::{ScaffoldError, new};
pub use script::is_project;
