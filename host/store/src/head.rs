//! What the store asks of a stored response's head; everything else about it is the caching rules' business.

use http::HeaderMap;
pub(crate) use selvedge_caching::Stored;

/// Whether two responses of one key answer the same requests, so that the newer replaces the older
/// (RFC 9111 section 4.1: equal nominated fields).
pub(crate) fn same_variant(a: &Stored, b: &Stored) -> bool {
    a.vary == b.vary
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
