//! `init` once for all instances: fresh ones begin with the memory that it left in another.
//!
//! It is done afterwards, by one thread for all plugins, once a plugin's instances have spent enough time in `init`: loading
//! and starting stay as quick as they are, and what is called rarely costs nothing. Whatever is in the way, each instance
//! goes on to run `init` itself. What is made is not kept on disk: it holds the plugin's configuration.

pub(crate) mod candidate;
mod make;
pub(crate) mod maker;
