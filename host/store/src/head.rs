//! The store's questions about a stored response's head; everything else about it is for the caching rules.

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
pub(crate) use selvedge_caching::Stored;

/// Returns true if two responses of one key answer the same requests, so that the newer replaces the older
/// (RFC 9111 section 4.1: equal nominated fields).
pub(crate) fn same_variant(a: &Stored, b: &Stored) -> bool {
    a.vary == b.vary
}

/// Copies the values of the fields and the notes into one buffer. They come cut from the buffer that a connection was read into:
/// a value of a few bytes would keep all of that buffer in memory, and only the few are counted. Together they are also near
/// each other when a hit sends them.
pub(crate) fn in_own_buffer(head: &Stored, notes: &[u8]) -> (Stored, Bytes) {
    let mut head = head.clone();
    let trailers = head.trailers.iter().flat_map(HeaderMap::values);
    let values: Vec<&[u8]> = head
        .fields
        .values()
        .chain(trailers)
        .map(HeaderValue::as_bytes)
        .chain([notes])
        .collect();
    let mut rest = Bytes::from(values.concat());
    let fields = head.fields.values_mut();
    for value in fields.chain(head.trailers.iter_mut().flat_map(HeaderMap::values_mut)) {
        let copy = rest.split_to(value.len());
        // What is a value already is one again; were it not, the one that holds its buffer would do.
        if let Ok(mut copy) = HeaderValue::from_maybe_shared(copy) {
            copy.set_sensitive(value.is_sensitive());
            *value = copy;
        }
    }
    (head, rest)
}

/// Returns true if a response could be used with its old head and not with the new one: later, also as a stale one, or as
/// what it no longer is, or without being found by one of its tags.
pub(crate) fn is_stricter(new: &Stored, old: &Stored) -> bool {
    let fresh_until = |head: &Stored| {
        let from = u128::from(head.response_time.0) + 1000 * u128::from(head.lifetime);
        from.saturating_sub(u128::from(head.initial_age_ms))
    };
    // One that comes or goes changes who decides how long.
    let is_shorter = |new_window: Option<u64>, old_window: Option<u64>| {
        let until = |head, window| fresh_until(head) + 1000 * u128::from(window);
        match (new_window, old_window) {
            (Some(now), Some(before)) => until(new, now) < until(old, before),
            (now, before) => now != before,
        }
    };
    new.invalidated_softly
        || fresh_until(new) < fresh_until(old)
        || is_shorter(new.stale_while_revalidate, old.stale_while_revalidate)
        || is_shorter(new.stale_if_error, old.stale_if_error)
        || new.directives != old.directives
        || new.tags.iter().any(|tag| !old.tags.contains(tag))
}

/// About how many bytes of memory a head takes.
pub(crate) fn weight(head: &Stored) -> u64 {
    let fields = |fields: &HeaderMap| -> usize {
        fields
            .iter()
            .map(|(name, value)| name.as_str().len() + value.len() + 104)
            .sum()
    };
    let tags: usize = head.tags.iter().map(|tag| tag.len() + 32).sum();
    let trailers = head.trailers.as_ref().map_or(0, fields);
    (512 + fields(&head.fields) + trailers + tags + head.vary.len() * 64) as u64
}
