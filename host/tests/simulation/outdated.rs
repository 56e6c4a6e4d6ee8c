//! The shadow's own list of invalidations: what the operator and unsafe requests made out of date.

use crate::content::RESOURCES;
use crate::origin::Exchange;

/// The scope of an invalidation.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Resource(usize),
    /// All resources whose paths begin with this.
    Under(String),
    Tag(String),
}

/// One invalidation.
#[derive(Clone, Debug)]
pub(crate) struct Invalidation {
    pub(crate) what: What,
    /// It concerns responses to requests that arrived at the origin before this one.
    pub(crate) before: u64,
    /// Where it is soft, the HTTP time at which it was made.
    pub(crate) soft_at: Option<u64>,
}

impl Invalidation {
    pub(crate) fn concerns(&self, exchange: &Exchange) -> bool {
        let resource = &RESOURCES[exchange.resource];
        exchange.arrival <= self.before
            && match &self.what {
                What::Resource(at) => exchange.resource == *at,
                What::Under(prefix) => resource.path.starts_with(prefix),
                What::Tag(tag) => resource.tags(exchange.version).contains(tag),
            }
    }
}

/// All invalidations of a run.
#[derive(Default)]
pub(crate) struct Outdated(Vec<Invalidation>);

impl Outdated {
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn add(&mut self, invalidation: Invalidation) {
        self.0.push(invalidation);
    }

    /// The state of a response after the first `count` of them: it, or it with an earlier end of its freshness, or why nothing.
    pub(crate) fn left_of(&self, exchange: &Exchange, count: usize) -> Result<Exchange, String> {
        let mut left = exchange.clone();
        let known = self.0.iter().take(count);
        for invalidation in known.filter(|known| known.concerns(exchange)) {
            match invalidation.soft_at {
                Some(at) => left.softened = Some(at),
                None => return Err(format!("from before {invalidation:?}")),
            }
        }
        Ok(left)
    }
}
