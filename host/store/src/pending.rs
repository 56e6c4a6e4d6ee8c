//! The changes of a key that the disk does not have yet. Between the memory tier and the index, nothing that was finished,
//! freshened or removed is forgotten, or found again as it was.
//!
//! Only what is not on disk is here, and it has its room in the queue: a body until it is durable, a new head beside the body
//! that is there already. However often a head is replaced before the writer comes to it, it is written once.

use std::sync::Arc;

use bytes::Bytes;

use crate::entry::{Entry, Variant};
use crate::head::Stored;
use crate::queue::Room;
use crate::read::Read;

/// The waiting changes of one key.
#[derive(Default)]
pub(crate) struct Pending {
    /// The number of the last command that concerns the key.
    command: u64,
    waiting: Waiting,
    /// True if a command removes all of the key, and nothing was put since.
    is_emptied: bool,
}

/// The variants of a key, newest first, each as far as the disk does not have it; none where the key was removed.
#[derive(Clone, Default)]
pub(crate) struct Waiting(Vec<One>);

#[derive(Clone)]
struct One {
    id: u64,
    /// The whole variant, until the command of this number is settled. The command has the room.
    put: Option<(u64, Variant)>,
    /// The new head and notes, and whether the writer has them.
    freshened: Option<(Arc<Freshened>, bool)>,
}

/// A new head that waits for the disk.
pub(crate) struct Freshened {
    pub(crate) id: u64,
    pub(crate) head: Arc<Stored>,
    pub(crate) notes: Bytes,
    /// True if the head on disk allows a use that this one does not.
    pub(crate) is_stricter: bool,
    pub(crate) room: Room,
}

impl Pending {
    /// Nothing is left of the key once the command of this number is done.
    pub(crate) fn removed(command: u64) -> Pending {
        Pending {
            command,
            waiting: Waiting::default(),
            is_emptied: true,
        }
    }

    /// Returns true if the writer already has the command to remove all of the key.
    pub(crate) fn is_emptied(&self) -> bool {
        self.is_emptied
    }

    /// Returns true if this variant is one of the key's, as far as the disk is concerned.
    pub(crate) fn has(&self, id: u64) -> bool {
        self.waiting.0.iter().any(|one| one.id == id)
    }

    /// From now on these are the key's variants.
    pub(crate) fn set_variants(&mut self, variants: &[Variant]) {
        self.is_emptied &= variants.is_empty();
        let mut before = std::mem::take(&mut self.waiting.0);
        let now = variants.iter().map(|variant| {
            let known = before.iter().position(|one| one.id == variant.id);
            known.map_or(One::on_disk(variant.id), |at| before.swap_remove(at))
        });
        self.waiting.0 = now.collect();
    }

    /// A command concerns the key, which enters this variant if it says one.
    pub(crate) fn commanded(&mut self, command: u64, put: Option<Variant>) {
        self.command = command;
        if let Some(variant) = put
            && let Some(one) = self.one(variant.id)
        {
            one.put = Some((command, variant));
        }
    }

    /// Notes a new head of a variant. Returns true if a command is needed for that: otherwise the waiting one will do.
    pub(crate) fn freshen(&mut self, mut freshened: Freshened) -> bool {
        let Some(one) = self.one(freshened.id) else {
            return false;
        };
        let before = one.freshened.as_ref();
        freshened.is_stricter |= before.is_some_and(|(before, _)| before.is_stricter);
        let before = one.freshened.replace((Arc::new(freshened), false));
        before.is_none_or(|(_, is_taken)| is_taken)
    }

    /// The new head of a variant, for the writer. It stays here until it is settled.
    pub(crate) fn take_head(&mut self, id: u64) -> Option<Arc<Freshened>> {
        let (freshened, is_taken) = self.one(id)?.freshened.as_mut()?;
        *is_taken = true;
        Some(Arc::clone(freshened))
    }

    pub(crate) fn forget(&mut self, id: u64) {
        self.waiting.0.retain(|one| one.id != id);
    }

    /// Forgets what the commands up to this one were about; returns true if nothing is left.
    pub(crate) fn settle(&mut self, command: u64) -> bool {
        for one in &mut self.waiting.0 {
            one.put.take_if(|(put, _)| *put <= command);
            one.freshened.take_if(|(_, is_taken)| *is_taken);
        }
        self.command <= command
    }

    /// Returns true if the key was removed.
    pub(crate) fn is_removed(&self) -> bool {
        self.waiting.0.is_empty()
    }

    pub(crate) fn waiting(&self) -> &Waiting {
        &self.waiting
    }

    /// Returns true if all of this variant waits for the disk.
    pub(crate) fn puts(&self, id: u64) -> bool {
        let mut waiting = self.waiting.0.iter();
        waiting.any(|one| one.id == id && one.put.is_some())
    }

    fn one(&mut self, id: u64) -> Option<&mut One> {
        self.waiting.0.iter_mut().find(|one| one.id == id)
    }
}

impl Waiting {
    /// The key as it is, if nothing need be read.
    pub(crate) fn known(&self) -> Option<Read> {
        let whole = self.0.iter().all(|one| one.put.is_some());
        whole.then(|| self.over(Read::Nothing))
    }

    /// The key as it is, where this was read from disk.
    pub(crate) fn over(&self, read: Read) -> Read {
        let is_unknown = !read.is_whole();
        let read = read.entry();
        let on_disk = |id| read.as_ref().and_then(|entry| entry.variant(id));
        let variants: Vec<_> = self
            .0
            .iter()
            .filter_map(|one| one.over(on_disk(one.id)))
            .collect();
        match variants.is_empty() {
            false if is_unknown => Read::Part(Arc::new(Entry::new(variants))),
            false => Read::Entry(Arc::new(Entry::new(variants))),
            true if is_unknown && !self.0.is_empty() => Read::Failed,
            true => Read::Nothing,
        }
    }
}

impl One {
    /// A variant that is on disk as it is, or in memory only.
    fn on_disk(id: u64) -> One {
        One {
            id,
            put: None,
            freshened: None,
        }
    }

    fn over(&self, on_disk: Option<&Variant>) -> Option<Variant> {
        let put = self.put.as_ref().map(|(_, variant)| variant);
        let mut variant = put.or(on_disk)?.clone();
        if let Some((freshened, _)) = &self.freshened {
            variant.head = Arc::clone(&freshened.head);
            variant.notes = freshened.notes.clone();
        }
        Some(variant)
    }
}
