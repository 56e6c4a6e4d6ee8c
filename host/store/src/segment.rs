//! Writing segments: records are gathered and appended to the newest segment, and synced before a commit.

use std::io;
use std::sync::Arc;

use crate::medium::MediumFile;
use crate::row::Kind;
use crate::units::{Space, Units};

/// Bytes gathered before they are written.
const GATHER: usize = 256 << 10;

/// See the module. Begins a new segment after a start and after a failure: old ones are never appended to again.
#[derive(Default)]
pub(crate) struct SegmentWriter {
    active: Option<Active>,
    /// Written but not synced.
    unsynced: Vec<Arc<dyn MediumFile>>,
    new_segment: bool,
    new_large: bool,
}

struct Active {
    unit: u64,
    file: Arc<dyn MediumFile>,
    /// Bytes in the file.
    written: u64,
    gathered: Vec<u8>,
    /// True if something was written since the last sync.
    unsynced: bool,
}

impl SegmentWriter {
    /// Appends a record of `length` bytes, written by `write`, and says in which segment and where.
    pub(crate) fn append(
        &mut self,
        units: &Units,
        limit: u64,
        length: u64,
        new_unit: impl FnOnce() -> u64,
        write: impl FnOnce(&mut Vec<u8>),
    ) -> io::Result<(u64, u64)> {
        if self
            .active
            .as_ref()
            .is_some_and(|active| active.end() + length > limit)
        {
            self.write_out()?;
            self.unsynced
                .extend(self.active.take().map(|active| active.file));
        }
        let active = match &mut self.active {
            Some(active) => active,
            none => {
                let unit = new_unit();
                let file = units.create(Kind::Segment, unit)?;
                units.add(unit, Kind::Segment, 0, Some(&file));
                self.new_segment = true;
                none.insert(Active {
                    unit,
                    file,
                    written: 0,
                    gathered: Vec::new(),
                    unsynced: false,
                })
            }
        };
        let location = (active.unit, active.end());
        write(&mut active.gathered);
        if active.gathered.len() >= GATHER {
            self.write_out()?;
        }
        // Only now: the room of what could not be written is given back by the caller that reserved it.
        units.grow(location.0, length);
        Ok(location)
    }

    /// The segment that is being written.
    pub(crate) fn active(&self) -> Option<u64> {
        self.active.as_ref().map(|active| active.unit)
    }

    /// Notes that a large file was made, whose name must be made durable too.
    pub(crate) fn new_large(&mut self) {
        self.new_large = true;
    }

    /// Ends the segment that is being written.
    pub(crate) fn seal(&mut self) -> io::Result<()> {
        self.write_out()?;
        self.unsynced
            .extend(self.active.take().map(|active| active.file));
        Ok(())
    }

    /// Returns once all that was appended survives a loss of power.
    pub(crate) fn sync(&mut self, units: &Units) -> io::Result<()> {
        self.write_out()?;
        for file in &self.unsynced {
            file.sync()?;
        }
        self.unsynced.clear();
        if let Some(active) = self.active.as_mut().filter(|active| active.unsynced) {
            active.file.sync()?;
            active.unsynced = false;
        }
        if std::mem::take(&mut self.new_segment) {
            units.sync_folder(Kind::Segment)?;
        }
        if std::mem::take(&mut self.new_large) {
            units.sync_folder(Kind::Large)?;
        }
        Ok(())
    }

    /// Gives up the segment: after a failed write its content is unknown. What it takes is counted anew.
    pub(crate) fn abandon(&mut self, units: &Units, space: &Space) {
        self.unsynced.clear();
        if let Some(active) = self.active.take()
            && let Ok(length) = active.file.length()
        {
            space.release(units.measured(active.unit, length));
            space.count(length);
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        if let Some(active) = &mut self.active
            && !active.gathered.is_empty()
        {
            active.file.write_all_at(&active.gathered, active.written)?;
            active.written += active.gathered.len() as u64;
            active.gathered.clear();
            active.unsynced = true;
        }
        Ok(())
    }
}

impl Active {
    fn end(&self) -> u64 {
        self.written + self.gathered.len() as u64
    }
}
