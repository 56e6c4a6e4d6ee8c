//! Parts of a query: the parameters that a set of names selects, unchanged in their spelling.

use crate::config::NameSet;
use std::borrow::Cow;

/// The selected parameters in the order in which they were sent. `None` where nothing is selected or sent; the whole
/// query borrowed where all of it is.
pub(crate) fn select<'q>(query: Option<&'q str>, set: &NameSet) -> Option<Cow<'q, str>> {
    let query = sent(query)?;
    match set {
        NameSet::None => None,
        NameSet::All => Some(Cow::Borrowed(query)),
        set => join(parameters(query).filter(|part| set.contains(name_of(part)))),
    }
}

/// The selected parameters in the order of their names; those of one name stay in the order in which they were sent.
pub(crate) fn select_sorted<'q>(query: Option<&'q str>, set: &NameSet) -> Option<Cow<'q, str>> {
    let mut parts: Vec<(Cow<'q, [u8]>, &'q str)> = parameters(query?)
        .map(|part| (name_of(part), part))
        .filter(|(name, _)| set.contains(name))
        .collect();
    parts.sort_by(|a, b| a.0.cmp(&b.0));
    join(parts.into_iter().map(|(_, part)| part))
}

/// The parameters that one of two sets selects, in the order in which they were sent.
pub(crate) fn select_either<'q>(
    query: Option<&'q str>,
    a: &NameSet,
    b: &NameSet,
) -> Option<Cow<'q, str>> {
    let query = sent(query)?;
    if matches!(a, NameSet::All) || matches!(b, NameSet::All) {
        return Some(Cow::Borrowed(query));
    }
    join(parameters(query).filter(|part| {
        let name = name_of(part);
        a.contains(&name) || b.contains(&name)
    }))
}

fn parameters(query: &str) -> impl Iterator<Item = &str> {
    query.split('&').filter(|part| !part.is_empty())
}

/// `/a?` is `/a`: an empty query is none.
pub(crate) fn sent(query: Option<&str>) -> Option<&str> {
    query.filter(|query| !query.is_empty())
}

/// The name of a parameter, percent-decoded where it needs to be, so that `utm%5Fsource` is `utm_source`. It need not be
/// text: names that differ in any byte are different names.
fn name_of(part: &str) -> Cow<'_, [u8]> {
    let name = part.split('=').next().unwrap_or(part);
    if !name.contains(['%', '+']) {
        return Cow::Borrowed(name.as_bytes());
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => match after {
                [high, low, tail @ ..] if hex(*high).is_some() && hex(*low).is_some() => {
                    bytes.push(hex(*high).unwrap_or(0) * 16 + hex(*low).unwrap_or(0));
                    rest = tail;
                }
                _ => bytes.push(b'%'),
            },
            other => bytes.push(other),
        }
    }
    Cow::Owned(bytes)
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

fn join<'q>(mut parts: impl Iterator<Item = &'q str>) -> Option<Cow<'q, str>> {
    let mut joined = parts.next()?.to_owned();
    for part in parts {
        joined.push('&');
        joined.push_str(part);
    }
    Some(Cow::Owned(joined))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn the_whole_query_is_borrowed() {
        let selected = select(Some("b=2&a=1"), &NameSet::All);
        assert!(matches!(selected, Some(Cow::Borrowed("b=2&a=1"))));
    }

    #[test]
    fn parameters_keep_their_order_for_a_policy_and_are_sorted_for_a_plugin() {
        let only = NameSet::only(set(&["a", "b"]));
        assert_eq!(
            select(Some("b=2&x=3&a=1"), &only).as_deref(),
            Some("b=2&a=1")
        );
        assert_eq!(
            select_sorted(Some("b=2&x=3&a=1"), &only).as_deref(),
            Some("a=1&b=2")
        );
    }

    #[test]
    fn an_encoded_name_is_the_name_that_it_encodes() {
        let except = NameSet::except(set(&["utm_*"]));
        assert_eq!(
            select_sorted(Some("utm%5Fsource=x&b=2&utm_medium=y"), &except).as_deref(),
            Some("b=2")
        );
    }

    #[test]
    fn an_empty_query_is_none() {
        let all = NameSet::All;
        assert_eq!(select(Some(""), &all), None);
        assert_eq!(select_sorted(Some(""), &all), None);
        assert_eq!(select_either(Some(""), &all, &NameSet::None), None);
        assert_eq!(select(Some("&"), &all).as_deref(), Some("&"));
    }

    #[test]
    fn names_that_are_no_text_are_told_apart() {
        assert_eq!(
            select_sorted(Some("%ff=1&%fe=2"), &NameSet::All).as_deref(),
            Some("%fe=2&%ff=1")
        );
    }

    #[test]
    fn nothing_selected_is_no_query() {
        assert_eq!(select(Some("a=1"), &NameSet::None), None);
        assert_eq!(
            select_sorted(Some("utm_a=1"), &NameSet::except(set(&["utm_*"]))),
            None
        );
        assert_eq!(select(None, &NameSet::All), None);
    }
}
