//! The memory of an instance as it is read.

/// Answers of the functions of [`ACCESS`](super::snapshot::ACCESS): of each its name, and the bytes of the memory or the eight of the global.
#[derive(Debug, Default)]
pub(crate) struct Memory(Vec<u8>);

impl Memory {
    pub(super) fn from_bytes(bytes: Vec<u8>) -> Memory {
        Memory(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes what one function told.
    pub(crate) fn push(&mut self, name: &str, told: &[u8]) {
        for part in [name.as_bytes(), told] {
            self.0.extend_from_slice(&(part.len() as u64).to_le_bytes());
            self.0.extend_from_slice(part);
        }
    }

    pub(super) fn told(&self, name: &str) -> Option<&[u8]> {
        let mut rest = self.0.as_slice();
        loop {
            let found = part(&mut rest)?;
            let told = part(&mut rest)?;
            if found == name.as_bytes() {
                return Some(told);
            }
        }
    }

    pub(super) fn global(&self, name: &str) -> [u8; 8] {
        self.told(name)
            .and_then(|told| told.try_into().ok())
            // Its caller has no errors; whoever makes a snapshot takes a panic for one.
            .unwrap_or_else(|| panic!("nobody told {name}"))
    }
}

fn part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (length, after) = rest.split_first_chunk::<8>()?;
    let length = usize::try_from(u64::from_le_bytes(*length)).ok()?;
    let (part, after) = after.split_at_checked(length)?;
    *rest = after;
    Some(part)
}
