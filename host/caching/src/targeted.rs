//! Cache directives for this kind of cache only (RFC 9213): Selvedge-CDN-Cache-Control, then CDN-Cache-Control, in place of
//! Cache-Control and Expires.

use crate::cache_control::{hidden_words, words};
use crate::directives::{Directives, MAX_DELTA, Qualified};
use crate::list;
use http::{HeaderMap, HeaderName};
use sfv::{BareItem, Dictionary, ListEntry, Parser};

/// The fields that target this cache, the most specific first (RFC 9213, section 2.2).
const TARGETED: [HeaderName; 2] = [
    HeaderName::from_static("selvedge-cdn-cache-control"),
    HeaderName::from_static("cdn-cache-control"),
];

/// The field that the directives of a response are taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DirectivesFrom {
    /// Selvedge-CDN-Cache-Control.
    Selvedge,
    /// CDN-Cache-Control.
    Cdn,
    /// Cache-Control.
    CacheControl,
}

/// The directives that count for this cache.
///
/// A targeted field that is empty or not a dictionary gives no freshness, as if it were absent (RFC 9213, section 2.2). The
/// restrictions that can be recognised in one hold all the same.
pub(crate) fn directives(fields: &HeaderMap) -> (Directives, DirectivesFrom) {
    let from = [DirectivesFrom::Selvedge, DirectivesFrom::Cdn];
    let mut unreadable = Vec::new();
    let mut found = None;
    for (name, from) in TARGETED.iter().zip(from) {
        if let Some(directives) = targeted(fields, name) {
            found = Some((directives, from));
            break;
        }
        unreadable.extend(fields.get_all(name));
    }
    let (mut directives, from) = found.unwrap_or_else(|| {
        let directives = Directives::of_response(fields);
        (directives, DirectivesFrom::CacheControl)
    });
    for line in unreadable {
        words(line.as_bytes(), |word| directives.restrict(word));
    }
    (directives, from)
}

fn targeted(fields: &HeaderMap, name: &HeaderName) -> Option<Directives> {
    let mut lines = fields.get_all(name).iter();
    let first = lines.next()?.as_bytes();
    let mut joined = first.to_vec();
    for line in lines {
        joined.extend_from_slice(b", ");
        joined.extend_from_slice(line.as_bytes());
    }
    let dictionary: Dictionary = Parser::new(&joined).parse().ok()?;
    if dictionary.is_empty() {
        return None;
    }
    let mut directives = Directives::default();
    for (name, value) in &dictionary {
        add(&mut directives, name.as_str(), value);
    }
    // `public;max-age=0` is a directive with a parameter, which says nothing (RFC 9213, section 2.1) but restricts.
    for member in list::split(&joined) {
        hidden_words(member, |word| directives.restrict(word));
    }
    Some(directives)
}

/// RFC 9213, section 2.1: the value's type is the one that Cache-Control's syntax suggests, others are not taken for it. A lifetime
/// of another type is one that can't be read, thus 0 (RFC 9111, section 4.2.1); a `private` or `no-cache` of another type is
/// for the whole response; other directives are true or not there.
fn add(directives: &mut Directives, name: &str, value: &ListEntry) {
    let item = match value {
        ListEntry::Item(item) => Some(&item.bare_item),
        ListEntry::InnerList(_) => None,
    };
    let seconds = || match item {
        Some(BareItem::Integer(seconds)) => Some(
            u64::try_from(i64::from(*seconds))
                .unwrap_or(0)
                .min(MAX_DELTA),
        ),
        _ => Some(0),
    };
    let is_false = matches!(item, Some(BareItem::Boolean(false)));
    let qualified = || match item {
        Some(BareItem::Boolean(false)) => Qualified::Absent,
        Some(BareItem::String(names)) => Qualified::of(names.as_str().as_bytes()),
        _ => Qualified::All,
    };
    match name {
        "max-age" => directives.max_age = seconds(),
        "s-maxage" => directives.s_maxage = seconds(),
        "stale-while-revalidate" => directives.stale_while_revalidate = seconds(),
        "stale-if-error" => directives.stale_if_error = seconds(),
        "no-cache" => directives.no_cache = qualified(),
        "private" => directives.private = qualified(),
        _ => {
            if let Some(flag) = directives.flag(name.as_bytes()) {
                *flag = !is_false;
            }
        }
    }
}

#[cfg(test)]
mod tests;
