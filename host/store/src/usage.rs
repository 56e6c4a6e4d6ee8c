//! The objects and bytes that are stored for each owner: counted on disk with each change of the index, so that they are exact
//! after a restart too.

use std::collections::HashMap;

use redb::{ReadableTable, TableDefinition, WriteTransaction};

use crate::error::StateError;
use crate::record;
use crate::row::{Kind, Row};

/// Owner, to responses, bytes in segments, bytes in large files.
const OWNERS: TableDefinition<u64, (u64, u64, u64)> = TableDefinition::new("owners");

/// The objects and bytes stored for one owner (see [`Fill::owned_by`](crate::Fill::owned_by)). A response in both tiers counts in both.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Stored responses in the memory tier.
    pub memory_objects: u64,
    /// Their weight in bytes.
    pub memory_bytes: u64,
    /// Stored responses on disk.
    pub disk_objects: u64,
    /// The bytes that they take there, their share of the index left out.
    pub disk_bytes: u64,
}

/// The objects and bytes on disk for one owner.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct OnDisk {
    pub(crate) objects: u64,
    pub(crate) in_segments: u64,
    pub(crate) in_large: u64,
}

/// The objects and bytes that one batch of changes adds and removes, by owner.
#[derive(Debug, Default)]
pub(crate) struct Deltas(HashMap<u64, (OnDisk, OnDisk)>);

impl OnDisk {
    fn of(row: &Row) -> OnDisk {
        let location = &row.location;
        let mut this = OnDisk {
            objects: 1,
            ..OnDisk::default()
        };
        match location.kind {
            Kind::Segment => {
                this.in_segments =
                    record::record_length(location.head, location.notes, location.body);
            }
            Kind::Large => this.in_large = crate::blocks::framed_length(location.body),
        }
        this
    }

    fn add(&mut self, more: OnDisk) {
        self.objects += more.objects;
        self.in_segments += more.in_segments;
        self.in_large += more.in_large;
    }

    fn take(&mut self, less: OnDisk) {
        self.objects = self.objects.saturating_sub(less.objects);
        self.in_segments = self.in_segments.saturating_sub(less.in_segments);
        self.in_large = self.in_large.saturating_sub(less.in_large);
    }
}

impl Deltas {
    pub(crate) fn added(&mut self, row: &Row) {
        self.0.entry(row.owner).or_default().0.add(OnDisk::of(row));
    }

    pub(crate) fn removed(&mut self, row: &Row) {
        self.0.entry(row.owner).or_default().1.add(OnDisk::of(row));
    }

    /// Enters the changes, and returns the new totals of the owners that have any.
    pub(crate) fn write(&self, write: &WriteTransaction) -> Result<Vec<(u64, OnDisk)>, StateError> {
        let mut table = write.open_table(OWNERS)?;
        let mut changed = Vec::with_capacity(self.0.len());
        for (owner, (added, removed)) in &self.0 {
            let before = table.get(owner)?.map(|row| row.value());
            let (objects, in_segments, in_large) = before.unwrap_or_default();
            let mut now = OnDisk {
                objects,
                in_segments,
                in_large,
            };
            now.add(*added);
            now.take(*removed);
            match now.objects {
                0 => table.remove(owner)?,
                _ => table.insert(owner, (now.objects, now.in_segments, now.in_large))?,
            };
            changed.push((*owner, now));
        }
        Ok(changed)
    }
}

/// Reads the objects and bytes on disk of all owners from the index.
pub(crate) fn read(
    database: &impl redb::ReadableDatabase,
) -> Result<HashMap<u64, OnDisk>, StateError> {
    let table = match database.begin_read()?.open_table(OWNERS) {
        Err(redb::TableError::TableDoesNotExist(_)) => return Ok(HashMap::new()),
        table => table?,
    };
    let mut owners = HashMap::new();
    for item in table.iter()? {
        let (owner, row) = item?;
        let (objects, in_segments, in_large) = row.value();
        let usage = OnDisk {
            objects,
            in_segments,
            in_large,
        };
        owners.insert(owner.value(), usage);
    }
    Ok(owners)
}
