//! The invalidations of one distribution that are kept: by path, by prefix, by tag.

use super::names::Wanted;
use super::scope::{Scope, lower};
use super::{Sequence, Standing};
use selvedge_caching::Time;
use std::collections::{BTreeSet, HashMap};

/// A distribution keeps so many. Beyond that the older half becomes one that concerns everything fetched before it: what
/// is that old is fetched again, instead of being served although it was invalidated.
pub(super) const MAX_MARKS: usize = 20_000;

/// The newest invalidations of each kind, and with that all that there is to know: what they concern began before them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) hard: Sequence,
    pub(super) soft: Sequence,
    /// When `soft` was made.
    pub(super) soft_at: Time,
}

/// All that is kept for one distribution.
#[derive(Clone, Debug, Default)]
pub(super) struct Marks {
    exact: HashMap<Box<str>, Mark>,
    prefixes: HashMap<Box<str>, Mark>,
    /// The lengths of the prefixes.
    lengths: BTreeSet<usize>,
    tags: HashMap<Box<str>, Mark>,
    newest: Sequence,
    newest_tag: Sequence,
}

impl Mark {
    pub(super) fn hard(sequence: Sequence) -> Mark {
        Mark {
            hard: sequence,
            ..Mark::default()
        }
    }

    pub(super) fn soft(sequence: Sequence, at: Time) -> Mark {
        Mark {
            hard: Sequence(0),
            soft: sequence,
            soft_at: at,
        }
    }

    /// The newer of each kind.
    pub(super) fn and(self, other: Mark) -> Mark {
        let (soft, soft_at) = (self.soft, self.soft_at).max((other.soft, other.soft_at));
        Mark {
            hard: self.hard.max(other.hard),
            soft,
            soft_at,
        }
    }

    pub(super) fn newest(self) -> Sequence {
        self.hard.max(self.soft)
    }

    /// Returns true if a newer and wider mark says all that this one says.
    fn is_within(self, wider: Mark) -> bool {
        self.hard <= wider.hard && self.soft <= wider.newest()
    }

    pub(super) fn standing(self, began: Sequence) -> Standing {
        if began < self.hard {
            Standing::Gone
        } else if began < self.soft {
            Standing::Stale {
                since: self.soft_at,
            }
        } else {
            Standing::Valid
        }
    }
}

impl Marks {
    /// Adds invalidations that are newer than all before. Returns the scopes whose marks changed or went.
    pub(super) fn add(&mut self, wanted: &[Wanted], mark: Mark) -> BTreeSet<Scope> {
        let mut new = Marks::default();
        for wanted in wanted {
            new.set(wanted.scope(), mark);
        }
        let mut changed = self.drop_within(&new);
        for scope in new.scopes() {
            let merged = self.get(&scope).unwrap_or_default().and(mark);
            self.set(scope.clone(), merged);
            changed.insert(scope);
        }
        if self.len() > MAX_MARKS {
            self.fold(&mut changed);
        }
        changed
    }

    /// Sets the mark of a scope, as adding and loading do.
    pub(super) fn set(&mut self, scope: Scope, mark: Mark) {
        self.newest = self.newest.max(mark.newest());
        match scope {
            Scope::Exact(path) => self.exact.insert(path, mark),
            Scope::Prefix(prefix) => {
                self.lengths.insert(prefix.len());
                self.prefixes.insert(prefix, mark)
            }
            Scope::Tag(tag) => {
                self.newest_tag = self.newest_tag.max(mark.newest());
                self.tags.insert(tag, mark)
            }
        };
    }

    /// The mark of a scope.
    pub(super) fn get(&self, scope: &Scope) -> Option<Mark> {
        match scope {
            Scope::Exact(path) => self.exact.get(path),
            Scope::Prefix(prefix) => self.prefixes.get(prefix),
            Scope::Tag(tag) => self.tags.get(tag),
        }
        .copied()
    }

    pub(super) fn newest(&self) -> Sequence {
        self.newest
    }

    pub(super) fn newest_tag(&self) -> Sequence {
        self.newest_tag
    }

    /// Returns the number of marks.
    pub(super) fn len(&self) -> usize {
        self.exact.len() + self.prefixes.len() + self.tags.len()
    }

    /// Returns the mark for a path and query: one probe, and one for each length of a known prefix.
    pub(super) fn of_path(&self, name: &str) -> Mark {
        let exact = self.exact.get(name).copied().unwrap_or_default();
        exact.and(self.of_prefixes(name))
    }

    fn of_prefixes(&self, name: &str) -> Mark {
        let mut mark = Mark::default();
        for length in self.lengths.range(..=name.len()) {
            if let Some(found) = name
                .get(..*length)
                .and_then(|start| self.prefixes.get(start))
            {
                mark = mark.and(*found);
            }
        }
        mark
    }

    /// Returns the mark for a tag.
    pub(super) fn of_tag(&self, tag: &str) -> Mark {
        if self.tags.is_empty() {
            return Mark::default();
        }
        self.tags.get(&*lower(tag)).copied().unwrap_or_default()
    }

    /// Drops what new, wider invalidations say as well.
    fn drop_within(&mut self, new: &Marks) -> BTreeSet<Scope> {
        let everything = new.of_prefixes("");
        let gone: BTreeSet<Scope> = self
            .scopes()
            .filter(|scope| {
                let wider = match scope {
                    Scope::Exact(name) | Scope::Prefix(name) => new.of_prefixes(name),
                    Scope::Tag(_) => everything,
                };
                self.get(scope).is_some_and(|mark| mark.is_within(wider))
            })
            .collect();
        self.remove(&gone);
        gone
    }

    fn scopes(&self) -> impl Iterator<Item = Scope> {
        let exact = self.exact.keys().cloned().map(Scope::Exact);
        let prefixes = self.prefixes.keys().cloned().map(Scope::Prefix);
        exact
            .chain(prefixes)
            .chain(self.tags.keys().cloned().map(Scope::Tag))
    }

    fn remove(&mut self, scopes: &BTreeSet<Scope>) {
        for scope in scopes {
            match scope {
                Scope::Exact(path) => self.exact.remove(path),
                Scope::Prefix(prefix) => self.prefixes.remove(prefix),
                Scope::Tag(tag) => self.tags.remove(tag),
            };
        }
        self.lengths = self.prefixes.keys().map(|prefix| prefix.len()).collect();
    }

    /// Makes one invalidation of everything from the older half.
    fn fold(&mut self, changed: &mut BTreeSet<Scope>) {
        let mut by_age: Vec<(Sequence, Scope)> = self
            .scopes()
            .filter_map(|scope| Some((self.get(&scope)?.newest(), scope)))
            .collect();
        by_age.sort_unstable();
        let older: BTreeSet<Scope> = by_age
            .into_iter()
            .take(MAX_MARKS / 2)
            .map(|(_, scope)| scope)
            .collect();
        let everything = Scope::Prefix("".into());
        let mark = older
            .iter()
            .chain([&everything])
            .filter_map(|scope| self.get(scope))
            .fold(Mark::default(), Mark::and);
        self.remove(&older);
        self.set(everything.clone(), mark);
        changed.extend(older);
        changed.insert(everything);
    }
}
