//! A file of a database on a disk that cannot be written: it is read as it is, and what redb writes to open it (that it is
//! open, what a crash left half done) stays in memory and is dropped with it.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::medium::MediumFile;

/// The unit in which changes are kept.
const PAGE: u64 = 4096;

/// See the module.
#[derive(Debug)]
pub(crate) struct Overlay {
    file: Arc<dyn MediumFile>,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    pages: HashMap<u64, Vec<u8>>,
    length: u64,
    /// The part of the file that counts: it was never cut shorter.
    of_file: u64,
}

impl Overlay {
    pub(crate) fn of(file: Arc<dyn MediumFile>) -> io::Result<Overlay> {
        let length = file.length()?;
        let written = Mutex::new(Written {
            pages: HashMap::new(),
            length,
            of_file: length,
        });
        Ok(Overlay { file, written })
    }

    /// A page as the file has it; zeros behind its end.
    fn as_in_file(&self, page: u64, of_file: u64) -> io::Result<Vec<u8>> {
        let mut content = vec![0; PAGE as usize];
        let start = page * PAGE;
        let there = of_file.saturating_sub(start).min(PAGE) as usize;
        if there > 0 {
            self.file.read_exact_at(&mut content[..there], start)?;
        }
        Ok(content)
    }
}

/// The parts of `offset..offset + length` by page: its number, where the part begins in it, where in the whole, its length.
fn parts(offset: u64, length: usize) -> impl Iterator<Item = (u64, usize, usize, usize)> {
    let mut done = 0;
    std::iter::from_fn(move || {
        let at = offset + done as u64;
        let (page, within) = (at / PAGE, (at % PAGE) as usize);
        let part = (length - done).min(PAGE as usize - within);
        let this = (page, within, done, part);
        done += part;
        (part > 0).then_some(this)
    })
}

impl MediumFile for Overlay {
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let written = self.written.lock();
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > written.length) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (page, within, at, length) in parts(offset, buffer.len()) {
            let from = match written.pages.get(&page) {
                Some(page) => page,
                None => &self.as_in_file(page, written.of_file)?,
            };
            buffer[at..at + length].copy_from_slice(&from[within..within + length]);
        }
        Ok(())
    }

    fn write_all_at(&self, data: &[u8], offset: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        for (page, within, at, length) in parts(offset, data.len()) {
            if !written.pages.contains_key(&page) {
                let content = self.as_in_file(page, written.of_file)?;
                written.pages.insert(page, content);
            }
            if let Some(page) = written.pages.get_mut(&page) {
                page[within..within + length].copy_from_slice(&data[at..at + length]);
            }
        }
        written.length = written.length.max(offset + data.len() as u64);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        Ok(())
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.written.lock().length)
    }

    fn set_length(&self, length: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        if length < written.length {
            written.pages.retain(|page, _| page * PAGE < length);
            if let Some(last) = written.pages.get_mut(&(length / PAGE)) {
                last[(length % PAGE) as usize..].fill(0);
            }
        }
        written.of_file = written.of_file.min(length);
        written.length = length;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medium::{Files, Medium};

    #[test]
    fn what_is_written_is_read_back_and_the_file_stays_as_it_was() {
        let dir = tempfile::tempdir().expect("a folder");
        let path = dir.path().join("file");
        let before: Vec<u8> = (0..10_000_u32).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, &before).expect("ours");
        let overlay = Overlay::of(Files.open(&path).expect("there")).expect("it has a length");
        let mut model = before.clone();
        let same = |overlay: &Overlay, model: &[u8]| {
            let mut read = vec![0; model.len()];
            overlay.read_exact_at(&mut read, 0).expect("all of it");
            assert!(read == model && overlay.length().expect("one") == model.len() as u64);
            assert!(overlay.read_exact_at(&mut [0], model.len() as u64).is_err());
        };
        same(&overlay, &model);
        for (at, length) in [(0, 1), (4_090, 5_000), (9_999, 4_000), (13_000, 999)] {
            overlay
                .write_all_at(&vec![7; length], at as u64)
                .expect("in memory");
            model.resize(model.len().max(at + length), 0);
            model[at..at + length].fill(7);
            same(&overlay, &model);
        }
        for length in [9_000, 4_096, 100, 20_000] {
            overlay.set_length(length as u64).expect("in memory");
            model.resize(length, 0);
            same(&overlay, &model);
        }
        assert_eq!(std::fs::read(&path).expect("ours"), before);
    }
}
