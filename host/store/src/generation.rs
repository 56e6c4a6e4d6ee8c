//! The durable state that a cache belongs to.
//!
//! Only the durable state knows what was invalidated. Beside a state that is missing, empty or older, a cache would serve it
//! again. Therefore both have an identity and a generation: each change of the state raises its generation, and the cache
//! learns of it before the change is acknowledged. A state that lacks what was acknowledged has another identity or a lower
//! generation than its cache.
//!
//! The cache has both in a file of its own with two slots, written in turn: a torn write leaves the one before.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::medium::{Medium, MediumFile};

const FILE: &str = "generation";
const MAGIC: [u8; 8] = *b"SVGEN 1\n";
/// Each slot has a sector of its own.
const SLOT: u64 = 512;
/// The length of the file.
pub(crate) const BYTES: u64 = 2 * SLOT;
/// The magic, the identity and the number; a checksum follows.
const SUMMED: usize = 24;

/// A durable state at one of its changes.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) struct Generation {
    /// Chosen at random for a state and its cache.
    pub(crate) identity: u64,
    /// Raised by each change.
    pub(crate) number: u64,
}

/// Returns a new identity. The standard library's hashers have random keys of the system.
pub(crate) fn new_identity() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// Why a cache does not fit the durable state beside it.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Misfit {
    /// The state was missing or empty.
    NewState,
    /// The state lacks changes that were acknowledged.
    OlderState,
    /// The cache was stored beside another state, or beside a state of an earlier version.
    OtherState,
    /// The cache does not say which state it belongs to.
    Unmarked,
}

impl Misfit {
    /// The reason as one word.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Misfit::NewState => "state-new",
            Misfit::OlderState => "state-older",
            Misfit::OtherState => "state-other",
            Misfit::Unmarked => "cache-unmarked",
        }
    }

    /// The reason as half a sentence.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Misfit::NewState => "the durable state was missing or empty",
            Misfit::OlderState => "the durable state is older than the cache",
            Misfit::OtherState => "the cache was stored beside another durable state",
            Misfit::Unmarked => "the cache does not say which durable state it belongs to",
        }
    }
}

/// A cache's note of the state that it belongs to.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Marked {
    /// Nothing: it is empty, or of an earlier version.
    Nothing,
    /// Something that does not check out.
    Unreadable,
    /// A state of this generation, or a later one.
    At(Generation),
}

/// Judges a cache by what it says, and by what the state beside it is. Folders of earlier versions say nothing in either
/// place.
pub(crate) fn judge(
    state: Option<Generation>,
    is_new_state: bool,
    cache: Marked,
) -> Result<(), Misfit> {
    match (state, cache) {
        _ if is_new_state => Err(Misfit::NewState),
        (None, Marked::Nothing) => Ok(()),
        (Some(_), Marked::Nothing) | (_, Marked::Unreadable) => Err(Misfit::Unmarked),
        (None, Marked::At(_)) => Err(Misfit::OtherState),
        (Some(state), Marked::At(cache)) if state.identity != cache.identity => {
            Err(Misfit::OtherState)
        }
        (Some(state), Marked::At(cache)) if state.number < cache.number => Err(Misfit::OlderState),
        (Some(_), Marked::At(_)) => Ok(()),
    }
}

/// The cache's file.
#[derive(Debug)]
pub(crate) struct Marker {
    path: PathBuf,
    medium: Arc<dyn Medium>,
    identity: u64,
    written: Mutex<Written>,
}

#[derive(Debug)]
struct Written {
    /// The file, once it was opened to be written: a disk that can only be read keeps its cache.
    file: Option<Arc<dyn MediumFile>>,
    /// The highest number that is durable in the file.
    number: u64,
}

impl Marker {
    fn path(cache: &Path) -> PathBuf {
        cache.join(FILE)
    }

    /// Reads what a cache says.
    pub(crate) fn read(medium: &dyn Medium, cache: &Path) -> io::Result<Marked> {
        let file = match medium.open(&Self::path(cache)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Marked::Nothing),
            Err(error) if is_of_the_file(&error) => return Ok(Marked::Unreadable),
            file => file?,
        };
        let mut content = [0; BYTES as usize];
        match file.read_exact_at(&mut content, 0) {
            Err(error) if is_of_the_file(&error) => return Ok(Marked::Unreadable),
            read => read?,
        }
        let slots = content.chunks(SLOT as usize).filter_map(decode);
        let newest = slots.max_by_key(|generation| generation.number);
        Ok(newest.map_or(Marked::Unreadable, Marked::At))
    }

    /// Makes the file anew, durably.
    pub(crate) fn create(
        medium: &Arc<dyn Medium>,
        cache: &Path,
        generation: Generation,
    ) -> io::Result<Marker> {
        let path = Self::path(cache);
        match medium.remove(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let marker = Marker::open(medium, cache, generation);
        {
            let mut written = marker.written.lock();
            let file = marker.file(&mut written)?;
            file.set_length(BYTES)?;
            marker.write(&*file, generation.number)?;
        }
        medium.sync_folder(cache)?;
        Ok(marker)
    }

    /// The file of a cache that fits.
    pub(crate) fn open(medium: &Arc<dyn Medium>, cache: &Path, generation: Generation) -> Marker {
        Marker {
            path: Self::path(cache),
            medium: Arc::clone(medium),
            identity: generation.identity,
            written: Mutex::new(Written {
                file: None,
                number: generation.number,
            }),
        }
    }

    fn file(&self, written: &mut Written) -> io::Result<Arc<dyn MediumFile>> {
        if let Some(file) = &written.file {
            return Ok(Arc::clone(file));
        }
        let file = self.medium.database(&self.path)?;
        written.file = Some(Arc::clone(&file));
        Ok(file)
    }

    /// Returns once the cache is known to belong to a state of this number at least.
    pub(crate) fn raise(&self, number: u64) -> io::Result<()> {
        let mut written = self.written.lock();
        if written.number < number {
            let file = self.file(&mut written)?;
            self.write(&*file, number)?;
            written.number = number;
        }
        Ok(())
    }

    fn write(&self, file: &dyn MediumFile, number: u64) -> io::Result<()> {
        let slot = encode(Generation {
            identity: self.identity,
            number,
        });
        file.write_all_at(&slot, number % 2 * SLOT)?;
        file.sync()
    }
}

/// Returns true if the file is not one of ours: the disk works.
fn is_of_the_file(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotADirectory | io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData
    )
}

fn encode(generation: Generation) -> Vec<u8> {
    let mut slot = MAGIC.to_vec();
    slot.extend_from_slice(&generation.identity.to_le_bytes());
    slot.extend_from_slice(&generation.number.to_le_bytes());
    slot.extend_from_slice(&crc32c::crc32c(&slot).to_le_bytes());
    slot
}

fn decode(slot: &[u8]) -> Option<Generation> {
    let (summed, rest) = slot.split_at_checked(SUMMED)?;
    let is_whole =
        summed.starts_with(&MAGIC) && rest.starts_with(&crc32c::crc32c(summed).to_le_bytes());
    let number = |at: usize| Some(u64::from_le_bytes(summed.get(at..at + 8)?.try_into().ok()?));
    is_whole.then_some(Generation {
        identity: number(8)?,
        number: number(16)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::medium::Files;

    fn generation(identity: u64, number: u64) -> Generation {
        Generation { identity, number }
    }

    #[test]
    fn a_cache_fits_the_state_that_it_was_stored_beside_and_later_ones_of_it() {
        let (old, new, other) = (generation(1, 5), generation(1, 6), generation(2, 6));
        for (state, cache, expected) in [
            (Some(new), Marked::At(new), Ok(())),
            (Some(new), Marked::At(old), Ok(())),
            (Some(old), Marked::At(new), Err(Misfit::OlderState)),
            (Some(other), Marked::At(old), Err(Misfit::OtherState)),
            (None, Marked::At(old), Err(Misfit::OtherState)),
            (Some(old), Marked::Nothing, Err(Misfit::Unmarked)),
            (Some(old), Marked::Unreadable, Err(Misfit::Unmarked)),
            (None, Marked::Unreadable, Err(Misfit::Unmarked)),
            (None, Marked::Nothing, Ok(())),
        ] {
            assert_eq!(judge(state, false, cache), expected, "{state:?} {cache:?}");
        }
        assert_eq!(judge(None, true, Marked::Nothing), Err(Misfit::NewState));
    }

    #[test]
    fn the_highest_number_is_read_and_a_torn_write_leaves_the_one_before() {
        let dir = tempfile::tempdir().expect("a folder");
        let read = || Marker::read(&Files, dir.path()).expect("the disk works");
        assert_eq!(read(), Marked::Nothing);
        let medium: Arc<dyn Medium> = Arc::new(Files);
        let marker = Marker::create(&medium, dir.path(), generation(7, 4)).expect("it is made");
        for number in [5, 6, 6, 3, 7] {
            marker.raise(number).expect("it is written");
        }
        assert_eq!(read(), Marked::At(generation(7, 7)));
        let path = dir.path().join(FILE);
        let whole = std::fs::read(&path).expect("ours");
        for at in SLOT as usize..SLOT as usize + SUMMED + 4 {
            let mut torn = whole.clone();
            torn[at] ^= 1;
            std::fs::write(&path, torn).expect("ours");
            assert_eq!(read(), Marked::At(generation(7, 6)), "byte {at}");
        }
        std::fs::write(&path, &whole[..100]).expect("ours");
        assert_eq!(read(), Marked::Unreadable, "cut off");
    }
}
