//! The layout of values in the durable state: each behind a checksum of its table, its key and itself.
//!
//! A value that changed on disk is refused, not returned.

use std::ops::Bound;

use redb::{Database, ReadableTable, TableDefinition};

use crate::database::{begin_write, set_meta};
use crate::error::StateError;

pub(crate) const STATE: TableDefinition<(&str, &[u8]), &[u8]> = TableDefinition::new("state");
/// The format of the durable state.
pub(crate) const FORMAT: u64 = 2;
/// The format of earlier versions: values without checksums.
const WITHOUT_SUMS: u64 = 1;
/// Values that are rewritten at a time.
const PAGE: usize = 256;

/// Returns a value as it is stored.
pub(crate) fn sealed(table: &str, key: &[u8], value: &[u8]) -> Vec<u8> {
    let mut sealed = sum(table, key, value).to_vec();
    sealed.extend_from_slice(value);
    sealed
}

/// Returns the value; `None` if it does not check out.
pub(crate) fn opened(table: &str, key: &[u8], mut sealed: Vec<u8>) -> Option<Vec<u8>> {
    let (stored, value) = sealed.split_first_chunk::<4>()?;
    if sum(table, key, value) != *stored {
        return None;
    }
    sealed.drain(..4);
    Some(sealed)
}

fn sum(table: &str, key: &[u8], value: &[u8]) -> [u8; 4] {
    let mut sum = 0;
    for part in [table.as_bytes(), key, value] {
        sum = crc32c::crc32c_append(sum, &(part.len() as u64).to_le_bytes());
        sum = crc32c::crc32c_append(sum, part);
    }
    sum.to_le_bytes()
}

/// Brings a state of an earlier version to this one, or refuses it. Everything is changed, or nothing.
pub(crate) fn migrate(database: &Database, found: u64) -> Result<(), StateError> {
    if found != WITHOUT_SUMS {
        return Err(StateError::UnknownFormat {
            found,
            expected: FORMAT,
        });
    }
    let write = begin_write(database)?;
    {
        let mut all = write.open_table(STATE)?;
        let mut last: Option<(String, Vec<u8>)> = None;
        loop {
            let from = match &last {
                Some((table, key)) => Bound::Excluded((table.as_str(), key.as_slice())),
                None => Bound::Unbounded,
            };
            let mut page = Vec::new();
            for item in all
                .range::<(&str, &[u8])>((from, Bound::Unbounded))?
                .take(PAGE)
            {
                let (name, value) = item?;
                let (table, key) = name.value();
                page.push((table.to_owned(), key.to_vec(), value.value().to_vec()));
            }
            for (table, key, value) in &page {
                let sealed = sealed(table, key, value);
                all.insert((table.as_str(), key.as_slice()), sealed.as_slice())?;
            }
            match page.pop() {
                Some((table, key, _)) => last = Some((table, key)),
                None => break,
            }
        }
    }
    set_meta(&write, "format", FORMAT)?;
    write.commit()?;
    tracing::info!("the durable state of an earlier version has checksums now");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_opened_as_it_was_sealed_and_any_flipped_bit_is_refused() {
        let sealed = sealed("kv", b"key", b"value");
        assert_eq!(
            opened("kv", b"key", sealed.clone()).as_deref(),
            Some(&b"value"[..])
        );
        assert_eq!(opened("kv", b"kex", sealed.clone()), None);
        assert_eq!(opened("kvk", b"ey", sealed.clone()), None);
        for at in 0..8 * sealed.len() {
            let mut flipped = sealed.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            assert_eq!(opened("kv", b"key", flipped), None, "bit {at}");
        }
        assert_eq!(opened("kv", b"key", sealed[..3].to_vec()), None);
    }
}
