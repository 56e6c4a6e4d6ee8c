//! The distribution that a viewer's Host field means.
//!
//! The first question of every request: an exact name beats a wildcard, a longer wildcard beats a shorter
//! one, and a wildcard covers deeper levels too.

use std::borrow::Cow;
use std::collections::HashMap;

use super::names::HostName;

/// The distribution that a host name belongs to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Owner {
    /// One that serves it, by its index.
    Serves(usize),
    /// One that is broken and has never been right, by its index among the broken ones.
    Broken(usize),
}

/// From host name to distribution.
#[derive(Clone, Debug, Default)]
pub struct HostIndex {
    exact: HashMap<Box<str>, Owner>,
    wildcard: HashMap<Box<str>, Owner>,
}

impl HostIndex {
    /// An index with room for this many names.
    pub fn with_capacity(names: usize) -> HostIndex {
        HostIndex {
            exact: HashMap::with_capacity(names),
            wildcard: HashMap::new(),
        }
    }

    /// Adds a name. The first distribution to claim a name keeps it.
    pub fn insert(&mut self, name: HostName<'_>, owner: Owner) {
        let names = match name.wildcard {
            false => &mut self.exact,
            true => &mut self.wildcard,
        };
        names.entry(name.name.into()).or_insert(owner);
    }

    /// The owner of exactly this name.
    pub fn owner(&self, name: HostName<'_>) -> Option<Owner> {
        let names = match name.wildcard {
            false => &self.exact,
            true => &self.wildcard,
        };
        names.get(name.name).copied()
    }

    /// All names with their owners.
    pub fn names(&self) -> impl Iterator<Item = (HostName<'_>, Owner)> {
        let exact = self.exact.iter();
        let exact = exact.map(|(name, owner)| (HostName::exact(name), *owner));
        let wildcard = self.wildcard.iter().map(|(name, owner)| {
            let name = HostName {
                wildcard: true,
                name,
            };
            (name, *owner)
        });
        exact.chain(wildcard)
    }

    /// The owner of a host name without port. Upper case and a final dot are tolerated; a host in
    /// lower case costs no allocation. The time grows with the number of labels, not with the number of
    /// names.
    pub fn find(&self, host: &str) -> Option<Owner> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = match host.bytes().any(|c| c.is_ascii_uppercase()) {
            true => Cow::Owned(host.to_ascii_lowercase()),
            false => Cow::Borrowed(host),
        };
        let exact = self.exact.get(host.as_ref());
        let above = || std::iter::successors(parent(&host), |domain| parent(domain));
        let found = exact.or_else(|| above().find_map(|domain| self.wildcard.get(domain)));
        found.copied()
    }
}

/// The name without its leftmost label.
fn parent(name: &str) -> Option<&str> {
    name.split_once('.').map(|(_, domain)| domain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index() -> HostIndex {
        let mut index = HostIndex::default();
        let names = [
            "www.example.com",
            "*.example.com",
            "*.shop.example.com",
            "*.test",
        ];
        for (number, name) in names.iter().enumerate() {
            let alias = crate::config::names::alias(name).unwrap();
            index.insert(HostName::of(&alias), Owner::Serves(number));
        }
        index
    }

    #[test]
    fn an_exact_name_beats_a_wildcard() {
        assert_eq!(index().find("www.example.com"), Some(Owner::Serves(0)));
        assert_eq!(index().find("WWW.Example.com."), Some(Owner::Serves(0)));
    }

    #[test]
    fn a_longer_wildcard_beats_a_shorter_one_and_both_cover_deeper_levels() {
        assert_eq!(index().find("a.shop.example.com"), Some(Owner::Serves(2)));
        assert_eq!(index().find("a.b.shop.example.com"), Some(Owner::Serves(2)));
        assert_eq!(index().find("a.b.example.com"), Some(Owner::Serves(1)));
        assert_eq!(index().find("shop.example.com"), Some(Owner::Serves(1)));
        assert_eq!(index().find("a.test"), Some(Owner::Serves(3)));
    }

    #[test]
    fn a_wildcard_does_not_cover_its_own_domain_and_unknown_hosts_have_none() {
        for host in [
            "example.com",
            "com",
            "",
            ".",
            "test",
            "xexample.com",
            "a.test.org",
        ] {
            assert_eq!(index().find(host), None, "{host}");
        }
    }
}
