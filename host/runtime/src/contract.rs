//! What the contract offers to guests, by name.

/// The package and version of the contract.
pub(crate) const CONTRACT: &str = "selvedge:edge@0.1";

/// The interfaces of the contract that guests may import, by name.
pub(crate) const OFFERED: [&str; 8] = [
    "types", "config", "log", "kv", "fetch", "cache", "metrics", "secrets",
];

/// What a message says is offered of WASI.
pub(crate) const OFFERED_WASI: &str =
    "of WASI 0.2 io, clocks, random and cli (and empty or refusing filesystem and sockets)";
