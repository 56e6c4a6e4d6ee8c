//! The distribution that a viewer's Host field means.
//!
//! The first question of every request: an exact name beats a wildcard, a longer wildcard beats a shorter
//! one, and a wildcard covers deeper levels too.

use std::borrow::Cow;
use std::collections::HashMap;

use super::names::Alias;

/// From host name to distribution, given as its index in [`super::Config::distributions`].
#[derive(Clone, Debug, Default)]
pub struct HostIndex {
    exact: HashMap<Box<str>, usize>,
    wildcard: HashMap<Box<str>, usize>,
}

impl HostIndex {
    /// Adds a name. The first distribution to claim a name keeps it; loading has refused the others.
    pub(super) fn insert(&mut self, alias: &Alias, distribution: usize) {
        let (names, name) = match alias {
            Alias::Exact(name) => (&mut self.exact, name),
            Alias::Wildcard(domain) => (&mut self.wildcard, domain),
        };
        names.entry(name.as_str().into()).or_insert(distribution);
    }

    /// The distribution for a host name without port. Upper case and a final dot are tolerated; a host in
    /// lower case costs no allocation. The time grows with the number of labels, not with the number of
    /// names.
    pub fn find(&self, host: &str) -> Option<usize> {
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
            index.insert(&crate::config::names::alias(name).unwrap(), number);
        }
        index
    }

    #[test]
    fn an_exact_name_beats_a_wildcard() {
        assert_eq!(index().find("www.example.com"), Some(0));
        assert_eq!(index().find("WWW.Example.com."), Some(0));
    }

    #[test]
    fn a_longer_wildcard_beats_a_shorter_one_and_both_cover_deeper_levels() {
        assert_eq!(index().find("a.shop.example.com"), Some(2));
        assert_eq!(index().find("a.b.shop.example.com"), Some(2));
        assert_eq!(index().find("a.b.example.com"), Some(1));
        assert_eq!(index().find("shop.example.com"), Some(1));
        assert_eq!(index().find("a.test"), Some(3));
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
