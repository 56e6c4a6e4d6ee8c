//! Cache-Control read into flags and numbers (RFC 9111, section 5.2), and Pragma (section 5.4).
//!
//! Where a value is doubtful, the reading that uses the cache less wins: an invalid number is 0, of several values the
//! smallest counts (RFC 9111, section 4.2.1, leaves the choice between first and smallest), a qualified directive that
//! names nothing is the unqualified one. Unknown directives are ignored (section 5.2.3). A member outside the grammar
//! makes a response stale, and the restrictions in it hold: see `cache_control`.

use crate::cache_control::{Part, Word, for_each, words};
use http::header::{CACHE_CONTROL, PRAGMA};
use http::{HeaderMap, HeaderName};

/// The longest time that is told apart, in seconds: 136 years. Longer ones count as this (RFC 9111, section 1.2.2).
pub(crate) const MAX_DELTA: u64 = u32::MAX as u64;

/// A directive that may name fields: absent, for some fields, or for the whole response.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Qualified {
    /// Not given.
    #[default]
    Absent,
    /// Given for these fields only.
    Fields(Vec<HeaderName>),
    /// Given for the whole response.
    All,
}

impl Qualified {
    pub(crate) fn is_all(&self) -> bool {
        *self == Qualified::All
    }

    pub(crate) fn fields(&self) -> &[HeaderName] {
        match self {
            Qualified::Fields(names) => names,
            Qualified::Absent | Qualified::All => &[],
        }
    }

    /// The directive with this list of field names.
    pub(crate) fn of(names: &[u8]) -> Qualified {
        field_names(names).map_or(Qualified::All, Qualified::Fields)
    }

    /// Adds an argument: a list of field names. One that is missing or malformed means the whole response.
    fn add(&mut self, argument: Option<&[u8]>) {
        let names = argument.and_then(field_names);
        match (&mut *self, names) {
            (Qualified::Fields(known), Some(names)) => known.extend(names),
            (Qualified::Absent, Some(names)) => *self = Qualified::Fields(names),
            (Qualified::All, _) => {}
            (_, None) => *self = Qualified::All,
        }
    }
}

fn field_names(argument: &[u8]) -> Option<Vec<HeaderName>> {
    let names: Vec<HeaderName> = argument
        .split(|byte| *byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|name| !name.is_empty())
        .map(|name| HeaderName::from_bytes(name).ok())
        .collect::<Option<_>>()?;
    (!names.is_empty()).then_some(names)
}

/// The directives of a response (RFC 9111, section 5.2.2; RFC 5861; RFC 8246).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Directives {
    pub(crate) no_store: bool,
    pub(crate) no_cache: Qualified,
    pub(crate) private: Qualified,
    pub(crate) public: bool,
    pub(crate) must_revalidate: bool,
    pub(crate) proxy_revalidate: bool,
    pub(crate) must_understand: bool,
    pub(crate) immutable: bool,
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    /// The longest lifetime that the unreadable parts of a field leave, in seconds; `None` if there are none.
    pub(crate) limit: Option<u64>,
}

impl Directives {
    /// Reads the response's Cache-Control lines. `Pragma: no-cache` counts if there are none.
    pub(crate) fn of_response(fields: &HeaderMap) -> Directives {
        let mut directives = Directives::default();
        for_each(fields, |part| match part {
            Part::Directive { name, argument } => directives.add(name, argument),
            // RFC 9111, section 4.2.1: freshness information that is invalid makes a response stale.
            Part::Unreadable => directives.limit = Some(0),
            Part::Word(word) => directives.restrict(word),
        });
        if pragma_no_cache(fields) {
            directives.no_cache = Qualified::All;
        }
        directives
    }

    fn add(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("max-age") {
            smallest(&mut self.max_age, argument);
        } else if is("s-maxage") {
            smallest(&mut self.s_maxage, argument);
        } else if is("stale-while-revalidate") {
            smallest(&mut self.stale_while_revalidate, argument);
        } else if is("stale-if-error") {
            smallest(&mut self.stale_if_error, argument);
        } else if is("no-cache") {
            self.no_cache.add(argument);
        } else if is("private") {
            self.private.add(argument);
        } else if let Some(flag) = self.flag(name) {
            *flag = true;
        }
    }

    /// Obeys a word that restricts. Words that would allow something are ignored.
    pub(crate) fn restrict(&mut self, word: Word<'_>) {
        if word.is("no-store") {
            self.no_store = true;
        } else if word.is("private") {
            self.private = Qualified::All;
        } else if word.is("no-cache") {
            self.no_cache = Qualified::All;
        } else if word.is("must-revalidate") {
            self.must_revalidate = true;
        } else if word.is("proxy-revalidate") {
            self.proxy_revalidate = true;
        } else if word.is("max-age") {
            smallest(&mut self.limit, word.value);
        } else if word.is("s-maxage") {
            smallest(&mut self.limit, word.value);
            // RFC 9111, section 5.2.2.10.
            self.proxy_revalidate = true;
        } else if word.is("stale-while-revalidate") {
            smallest(&mut self.stale_while_revalidate, word.value);
        } else if word.is("stale-if-error") {
            smallest(&mut self.stale_if_error, word.value);
        }
    }

    /// The directive of this name that has no argument; one that comes all the same is ignored.
    pub(crate) fn flag(&mut self, name: &[u8]) -> Option<&mut bool> {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("no-store") {
            Some(&mut self.no_store)
        } else if is("public") {
            Some(&mut self.public)
        } else if is("must-revalidate") {
            Some(&mut self.must_revalidate)
        } else if is("proxy-revalidate") {
            Some(&mut self.proxy_revalidate)
        } else if is("must-understand") {
            Some(&mut self.must_understand)
        } else if is("immutable") {
            Some(&mut self.immutable)
        } else {
            None
        }
    }
}

/// The staleness that a request's max-stale accepts (RFC 9111, section 5.2.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MaxStale {
    /// Any staleness.
    Any,
    /// At most these seconds.
    Seconds(u64),
}

/// The directives of a request (RFC 9111, section 5.2.1; RFC 5861, section 4).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestDirectives {
    pub(crate) max_age: Option<u64>,
    pub(crate) min_fresh: Option<u64>,
    pub(crate) max_stale: Option<MaxStale>,
    pub(crate) stale_if_error: Option<u64>,
    pub(crate) no_cache: bool,
    pub(crate) no_store: bool,
    pub(crate) only_if_cached: bool,
}

impl RequestDirectives {
    /// Reads the request's Cache-Control lines. `Pragma: no-cache` counts if there are none. Allocates nothing.
    pub(crate) fn of_request(fields: &HeaderMap) -> RequestDirectives {
        let mut directives = RequestDirectives::default();
        for_each(fields, |part| match part {
            Part::Directive { name, argument } => directives.add(name, argument),
            Part::Unreadable => {}
            Part::Word(word) => directives.restrict(word),
        });
        directives.no_cache |= pragma_no_cache(fields);
        directives
    }

    fn add(&mut self, name: &[u8], argument: Option<&[u8]>) {
        let is = |known: &str| name.eq_ignore_ascii_case(known.as_bytes());
        if is("max-age") {
            smallest(&mut self.max_age, argument);
        } else if is("min-fresh") {
            // Here the largest is what uses the cache least; what can't be read asks for more than anything has.
            let seconds = argument.and_then(delta_seconds).unwrap_or(MAX_DELTA);
            self.min_fresh = Some(self.min_fresh.map_or(seconds, |known| known.max(seconds)));
        } else if is("max-stale") {
            self.max_stale = Some(match (argument, self.max_stale) {
                (None, None) => MaxStale::Any,
                (None, Some(known)) => known,
                (Some(argument), known) => {
                    let seconds = delta_seconds(argument).unwrap_or(0);
                    match known {
                        Some(MaxStale::Seconds(known)) => MaxStale::Seconds(known.min(seconds)),
                        Some(MaxStale::Any) | None => MaxStale::Seconds(seconds),
                    }
                }
            });
        } else if is("stale-if-error") {
            smallest(&mut self.stale_if_error, argument);
        } else if is("no-cache") {
            self.no_cache = true;
        } else if is("no-store") {
            self.no_store = true;
        } else if is("only-if-cached") {
            self.only_if_cached = true;
        }
    }
}

impl RequestDirectives {
    /// Obeys a word that restricts the use of the cache.
    fn restrict(&mut self, word: Word<'_>) {
        const RESTRICTIONS: [&str; 4] = ["no-store", "no-cache", "max-age", "min-fresh"];
        if RESTRICTIONS.iter().any(|name| word.is(name)) {
            self.add(word.name, word.value);
        }
    }
}

fn smallest(known: &mut Option<u64>, argument: Option<&[u8]>) {
    let seconds = argument.and_then(delta_seconds).unwrap_or(0);
    *known = Some(known.map_or(seconds, |known| known.min(seconds)));
}

/// Reads digits only. A greater number than [`MAX_DELTA`] is that (RFC 9111, section 1.2.2).
pub(crate) fn delta_seconds(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0_u64, |seconds, digit| {
        let digit = char::from(*digit).to_digit(10)?;
        Some((seconds * 10 + u64::from(digit)).min(MAX_DELTA))
    })
}

/// Returns true if Pragma says `no-cache` and there is no Cache-Control (RFC 9111, section 5.4).
fn pragma_no_cache(fields: &HeaderMap) -> bool {
    if fields.contains_key(CACHE_CONTROL) {
        return false;
    }
    let mut found = false;
    for line in fields.get_all(PRAGMA) {
        words(line.as_bytes(), |word| found |= word.is("no-cache"));
    }
    found
}

#[cfg(test)]
mod tests;
