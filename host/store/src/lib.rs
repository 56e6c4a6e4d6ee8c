//! Stored responses, bounded and crash-safe, and durable state.
//!
//! The store keeps what the caching rules decided to keep and finds it again; it decides nothing about HTTP. In a
//! request's life it stands at look-up and at storing while streaming. It consists of
//!
//! - a memory tier, bounded by bytes, of complete entries ready to send (`memory`, `entry`);
//! - a disk tier: an index in redb (`index`), bodies in append-only segments and large files with a checksum per
//!   64 KiB (`blocks`, `record`, `segment`, `units`), evicted by unit (`evict`), read once for all who ask at the same
//!   time (`loads`), written by one thread in batches (`queue`, `writer`) so that nothing that is read ever waits for a
//!   write (`pending` has what the disk does not have yet, `owed` what must go from one that fails, which nobody finds);
//! - fills, which store a response while its followers read it (`fill`, `progress`, `body`);
//! - durable state in a file of its own (`state`).
//!
//! All of it reads and writes through one seam (`medium`), where tests put a disk that fails.
//!
//! A crash costs the last second or so of new entries. What does not check out is never served. A failing disk
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

mod aside;
mod block_cache;
mod blocks;
mod body;
mod changing;
mod config;
mod counters;
mod damage;
mod database;
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
mod held;
mod index;
mod key;
mod layout;
mod load;
mod loads;
mod medium;
mod memory;
mod owed;
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
mod state;
mod state_file;
mod store;
mod stripes;
mod units;
mod usage;
mod values;
mod warm;
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
