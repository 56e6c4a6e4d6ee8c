//! Names of the interfaces that are offered to guests.

/// The package and version of the contract.
pub(crate) const CONTRACT: &str = "selvedge:edge@0.1";

/// The interfaces of the contract that guests may import, by name.
pub(crate) const OFFERED: [&str; 8] = [
    "types", "config", "log", "kv", "fetch", "cache", "metrics", "secrets",
];

/// Interfaces of WASI that are offered, for messages.
pub(crate) const OFFERED_WASI: &str =
    "of WASI 0.2 io, clocks, random and cli (and empty or refusing filesystem and sockets)";
