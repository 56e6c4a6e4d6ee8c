//! Stored responses, bounded and crash-safe, and durable state.
//!
//! The store holds the responses that the caching rules decided to store, and finds them again. It decides nothing about
//! HTTP. In a request's life it stands at look-up and at storing while streaming. It consists of
//!
//! - a memory tier, bounded by bytes, of complete entries ready to send (`memory`, `entry`);
//! - a disk tier: an index in redb (`index`), bodies in append-only segments and large files with a checksum per
//!   64 KiB (`blocks`, `record`, `segment`, `units`), evicted by unit (`evict`), read once for all requests of the same
//!   time (`loads`), written by one thread in batches (`queue`, `writer`) so that no reading ever waits for a write
//!   (`pending` has the changes that the disk does not have yet, `deferred` the removals that a failing disk did not make);
//! - the removal of stored responses that turn out to be damaged while they are read (`damage`, `removal`);
//! - fills, which store a response while its followers read it (`fill`, `progress`, `body`);
//! - durable state in a file of its own (`state`, `state_file`, `values`), and the cache's note of the state that it belongs
//!   to (`generation`).
//!
//! Everything reads and writes through one seam (`medium`), where tests put a disk that fails.
//!
//! A crash costs the last second or so of new entries. Content that does not check out is never served. A failing disk
//! costs storing, never serving.
#![forbid(unsafe_code)]
#![warn(clippy::unwrap_used)]
#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "tests read and write files themselves"
    )
)]

mod block_cache;
mod blocks;
mod body;
mod changing;
mod config;
mod counters;
mod damage;
mod database;
mod deferred;
mod discarded;
mod disk;
mod entry;
mod error;
mod evict;
mod fill;
mod fill_file;
mod generation;
mod handle;
mod head;
mod index;
mod key;
mod layout;
mod load;
mod loads;
mod medium;
mod memory;
mod overlay;
mod pages;
mod pending;
mod pieces;
mod pool;
mod presence;
mod progress;
mod queue;
mod read;
mod record;
mod removal;
mod row;
mod segment;
mod shared;
mod startup;
mod state;
mod state_file;
mod store;
mod stripes;
mod units;
mod usage;
mod values;
mod writer;

pub use body::BodyReader;
pub use config::Config;
pub use counters::Stats;
pub use entry::{Entry, Variant, heads};
pub use error::{BodyError, NotStored, OpenError, StateError};
pub use fill::{Fill, Follow};
pub use key::Key;
pub use medium::{FileId, Files, Medium, MediumFile};
pub use shared::Found;
pub use state::{State, StateChange, StatePair};
pub use store::Store;
pub use usage::Usage;
