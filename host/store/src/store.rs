//! The handle by which the rest of the host uses the store.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};

use bytes::Bytes;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::changing::Changed;
use crate::config::{Config, Sizes};
use crate::counters::{Counters, Stats};
use crate::disk::Disk;
use crate::entry::{Entry, Variant};
use crate::error::OpenError;
use crate::fill::Fill;
use crate::head::{self, Stored};
use crate::index::Change;
use crate::key::Key;
use crate::layout::Layout;
use crate::medium::{Files, Medium};
use crate::memory::MemoryTier;
use crate::pending::Pending;
use crate::queue::Command;
use crate::shared::{Found, Shared};
use crate::state::State;
use crate::stripes::Stripes;
use crate::usage::Usage;
use crate::{startup, writer};

/// Stored responses in memory and on disk, and durable state. Cloning is cheap.
///
/// When the last clone is dropped, what waits is written and committed; that blocks the thread for a moment.
#[derive(Clone)]
pub struct Store(Arc<Handle>);

/// The shared part and its threads.
struct Handle {
    shared: Arc<Shared>,
    stop: Arc<AtomicBool>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(disk) = &self.shared.disk {
            disk.queue.close();
        }
        for thread in self.threads.lock().drain(..) {
            thread.thread().unpark();
            if thread.join().is_err() {
                tracing::error!("a thread of the store has panicked");
            }
        }
    }
}

impl Store {
    /// Opens the store, or creates it. A lock excludes a second process; a cache that is damaged or of another
    /// version is discarded and logged; durable state that can't be read is an error. Blocks the thread; takes no
    /// longer when more is stored.
    pub fn open(config: Config) -> Result<Store, OpenError> {
        Store::open_on(config, Arc::new(Files))
    }

    /// As [`Store::open`], on another file system: for tests, which put a disk there that fails.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_on(config: Config, medium: Arc<dyn Medium>) -> Result<Store, OpenError> {
        let sizes = Sizes::of(&config);
        let (layout, state) = match &config.dir {
            Some(dir) => {
                let layout = Layout::open(dir)?;
                let state = layout.open_state(&medium)?;
                (Some(layout), state)
            }
            None => {
                let path = PathBuf::from("memory");
                let state =
                    State::open(None).map_err(|source| OpenError::State { path, source })?;
                (None, state)
            }
        };
        let disk = match &layout {
            Some(layout) => layout.open_disk(&sizes, &state, &medium),
            None => None,
        };
        let shared = Arc::new(Shared {
            memory: MemoryTier::new(sizes.memory_tier),
            stripes: Stripes::new(),
            counters: Counters::default(),
            next_id: AtomicU64::new(disk.as_ref().map_or(1, |disk| disk.first_id)),
            sizes,
            disk,
            state,
            _layout: layout,
        });
        Store::start(shared, config.dir)
    }

    fn start(shared: Arc<Shared>, dir: Option<PathBuf>) -> Result<Store, OpenError> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut threads = Vec::new();
        if shared.disk.is_some() {
            let failed = |source| OpenError::Io {
                action: "start the threads of",
                path: dir.clone().unwrap_or_default(),
                source,
            };
            let (writes, starts, stops) = (shared.clone(), shared.clone(), stop.clone());
            let writer = thread::Builder::new().name("store-writer".into());
            threads.push(writer.spawn(move || writer::run(writes)).map_err(failed)?);
            let startup = thread::Builder::new().name("store-startup".into());
            threads.push(
                startup
                    .spawn(move || startup::run(&starts, &stops))
                    .map_err(failed)?,
            );
        }
        Ok(Store(Arc::new(Handle {
            shared,
            stop,
            threads: Mutex::new(threads),
        })))
    }

    /// Looks a key up in memory: no disk, no waiting, no allocation.
    pub fn look_up(&self, key: &Key) -> Found {
        self.0.shared.look_up(key)
    }

    /// The variants of a key, read from disk where they are not in memory. For [`Found::OnDisk`].
    pub async fn load(&self, key: &Key) -> Option<Arc<Entry>> {
        self.0.shared.load(key).await
    }

    /// Begins to store a response. `notes` are stored with it, unchanged; `expected` is the body's announced length
    /// in bytes. A variant of the key that answers the same requests (equal Vary values) is replaced at the end.
    pub fn begin(
        &self,
        key: Key,
        head: impl Into<Arc<Stored>>,
        notes: Bytes,
        expected: Option<u64>,
    ) -> Fill {
        Fill::new(
            Arc::clone(&self.0.shared),
            key,
            head.into(),
            notes,
            expected,
        )
    }

    /// Replaces the head of a variant; its body and its notes stay. Nothing happens when the variant is gone. Where the key
    /// cannot be read, the variant is removed: it may not be used as it was.
    pub async fn update_head(&self, key: &Key, id: u64, head: Stored) {
        self.update(key, id, head, None).await;
    }

    /// As [`Store::update_head`], and replaces the notes too: what freshening does (RFC 9111 section 4.3.4).
    pub async fn update_head_and_notes(&self, key: &Key, id: u64, head: Stored, notes: Bytes) {
        self.update(key, id, head, Some(notes)).await;
    }

    async fn update(&self, key: &Key, id: u64, head: Stored, notes: Option<Bytes>) {
        let shared = &self.0.shared;
        let update = |variants: &[Variant]| {
            let mut variants = variants.to_vec();
            let variant = variants.iter_mut().find(|variant| variant.id == id)?;
            let is_stricter = head::is_stricter(&head, &variant.head);
            let notes = notes.as_ref().unwrap_or(&variant.notes);
            let (head, notes) = head::in_own_buffer(&head, notes);
            (variant.head, variant.notes) = (Arc::new(head), notes);
            let (freshened, commands) = shared.write_head(key, variant, is_stricter);
            Some(Changed {
                variants,
                commands,
                freshened,
            })
        };
        shared.change(key, Some(id), update).await;
    }

    /// Removes one variant, or all of a key. It can't be looked up any more when this returns; on disk it is gone
    /// within a second or after [`Store::flush`], so a crash in between may bring it back.
    pub async fn remove(&self, key: &Key, id: Option<u64>) {
        let Some(id) = id else {
            return self.remove_all(key);
        };
        let remove = |variants: &[Variant]| {
            let left: Vec<_> = variants.iter().filter(|v| v.id != id).cloned().collect();
            let commands = vec![Command::Remove { key: *key, id }];
            (left.len() < variants.len()).then_some(Changed {
                variants: left,
                commands,
                freshened: None,
            })
        };
        self.0.shared.change(key, Some(id), remove).await;
    }

    fn remove_all(&self, key: &Key) {
        let shared = &self.0.shared;
        let mut stripe = shared.stripes.lock(key);
        stripe.version += 1;
        shared.memory.remove(key);
        if stripe.pending.get(key).is_some_and(Pending::is_emptied) {
            return;
        }
        let on_disk =
            |disk: &&Disk| disk.presence.may_have(key) || stripe.pending.contains_key(key);
        if let Some(disk) = shared.disk.as_ref().filter(on_disk) {
            match disk.queue.push(Command::RemoveAll { key: *key }) {
                Some(command) => {
                    stripe.pending.insert(*key, Pending::removed(command));
                }
                // It would never be settled.
                None => disk.deferred.add([&Change::RemoveAll { key: *key }]),
            }
            disk.presence.remove(key);
        }
    }

    /// Returns when everything before is on disk, durably (or the disk is failing, and that is logged).
    pub async fn flush(&self) {
        if let Some(disk) = &self.0.shared.disk {
            let (reply, done) = oneshot::channel();
            disk.queue.push(Command::Flush { reply });
            // An error means that the writer is gone, and with it what waited.
            let _ = done.await;
        }
    }

    /// A snapshot of sizes and counters.
    pub fn stats(&self) -> Stats {
        self.0.shared.stats()
    }

    /// Returns the usage of each owner (see [`Fill::owned_by`]). It looks through the memory tier: on a busy thread, run it
    /// elsewhere.
    pub fn usage(&self) -> HashMap<u64, Usage> {
        self.0.shared.usage()
    }

    /// The durable state.
    pub fn state(&self) -> &State {
        &self.0.shared.state
    }

    /// Up to `limit` keys after `after` with their variants, in the order of the keys, for listing. Bodies are not
    /// read. With a disk tier it lists what is on disk, after a [`Store::flush`]; else what is in memory.
    pub async fn scan(&self, after: Option<Key>, limit: usize) -> Vec<(Key, Arc<Entry>)> {
        let shared = &self.0.shared;
        let keys = match &shared.disk {
            Some(_) => {
                self.flush().await;
                let shared = Arc::clone(shared);
                let keys = move || shared.disk.as_ref()?.index.keys(after.as_ref(), limit).ok();
                tokio::task::spawn_blocking(keys)
                    .await
                    .ok()
                    .flatten()
                    .unwrap_or_default()
            }
            None => {
                let mut keys = shared.memory.keys();
                keys.retain(|key| after.is_none_or(|after| *key > after));
                keys.sort_unstable();
                keys.truncate(limit);
                keys
            }
        };
        let mut entries = Vec::with_capacity(keys.len());
        for key in keys {
            let entry = match shared.memory.peek(&key) {
                Some(entry) => Some(entry),
                None => shared.read(key, 0).await.entry(),
            };
            entries.extend(entry.map(|entry| (key, entry)));
        }
        entries
    }
}

// What crosses threads in the host.
const _: () = {
    const fn crosses_threads<T: Send + Sync>() {}
    crosses_threads::<Store>();
    crosses_threads::<Fill>();
    crosses_threads::<crate::Follow>();
    crosses_threads::<crate::BodyReader>();
};
