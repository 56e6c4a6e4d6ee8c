//! Invalidations: which stored responses are not to be used any more, or only as stale ones.
//!
//! Nothing that is stored is touched when an invalidation is made. It is remembered by path, prefix or tag, and the
//! look-up asks here about the variant that it would use: one load of a number where nothing was invalidated since that
//! variant's fetch began, a few probes of hash tables where something was. What is stored plays no part in the cost.
//!
//! Fetches and invalidations have sequence numbers ([`Sequence`]), which are no times: a fetch notes its number before it looks
//! the key up, an invalidation takes the next one, and it concerns what began before it. So it does not matter whether the
//! clock moves, and a fetch that was under way comes too late whenever it ends.
//!
//! Commands of the operator are durable before they return, and are read at the start. What unsafe methods
//! invalidate (RFC 9111, section 4.4) becomes durable within a second (`recent`).

mod durable;
mod marks;
mod names;
mod recent;
mod scope;
mod sequence;
#[cfg(test)]
mod tests;

pub(crate) use names::{Names, Wanted};
pub(crate) use sequence::{Sequence, Standing};

use arc_swap::ArcSwap;
use marks::{Mark, Marks};
use parking_lot::{Mutex, RwLock};
use recent::Recent;
use selvedge_caching::Time;
use selvedge_store::{State, StateError};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Tells which responses an invalidation would concern, whenever they were fetched.
pub(crate) struct Matcher(Marks);

impl Matcher {
    pub(crate) fn new(wanted: &[Wanted]) -> Matcher {
        let mut marks = Marks::default();
        marks.add(wanted, Mark::hard(Sequence(1)));
        Matcher(marks)
    }

    /// Returns true if it concerns a stored response with these names and tags.
    pub(crate) fn concerns(&self, names: Names<'_>, tags: &[String]) -> bool {
        let mut mark = Mark::default();
        names.each(|name| mark = mark.and(self.0.of_path(name)));
        let mark = tags
            .iter()
            .fold(mark, |mark, tag| mark.and(self.0.of_tag(tag)));
        mark.standing(Sequence(0)) == Standing::Gone
    }
}

/// All invalidations of a host.
pub struct Invalidations {
    state: State,
    /// The last sequence number that is taken.
    last: AtomicU64,
    /// The sequence number of the newest invalidation of any kind; 0 for none.
    newest: AtomicU64,
    /// Everything that was fetched before is out of date.
    floor: Sequence,
    by_distribution: ArcSwap<HashMap<Arc<str>, Arc<Marks>>>,
    recent: RwLock<Recent>,
    /// Held while an invalidation takes its number and becomes visible: a fetch that begins after that number sees it.
    publishing: Mutex<()>,
    /// Held while a command is carried out, so that changes reach the durable state in their order.
    commanding: tokio::sync::Mutex<()>,
}

impl Invalidations {
    /// Reads what earlier runs of the host left. Blocks the thread.
    ///
    /// # Errors
    /// The durable state can't be read.
    pub fn open(state: &State) -> Result<Invalidations, StateError> {
        let mut damaged = durable::Damaged::default();
        let by_distribution = durable::load(state, &mut damaged)?;
        let recent = durable::load_recent(state, &mut damaged)?;
        let newest = by_distribution
            .values()
            .map(|marks| marks.newest())
            .fold(recent.newest(), Sequence::max)
            .0;
        let last = durable::first_order(state)?.max(newest);
        let floor = durable::floor(state, damaged, Sequence(last))?;
        let newest = newest.max(floor.0);
        Ok(Invalidations {
            state: state.clone(),
            last: AtomicU64::new(last),
            newest: AtomicU64::new(newest),
            floor,
            by_distribution: ArcSwap::from_pointee(by_distribution),
            recent: RwLock::new(recent),
            publishing: Mutex::new(()),
            commanding: tokio::sync::Mutex::new(()),
        })
    }

    /// The sequence number of a fetch that begins now. Taken before the look-up that leads to the fetch.
    pub(crate) fn now(&self) -> Sequence {
        Sequence(self.last.load(Ordering::Acquire))
    }

    /// Returns the standing of a stored response whose fetch began at `began`, which carries these tags, and which goes by these
    /// names: those of the request that it was fetched for, and those of the request that asks now.
    pub(crate) fn standing<'n>(
        &self,
        distribution: &str,
        began: Sequence,
        tags: &[String],
        names: impl IntoIterator<Item = Names<'n>>,
    ) -> Standing {
        if began.0 >= self.newest.load(Ordering::Acquire) {
            return Standing::Valid;
        }
        if began < self.floor {
            return Standing::Gone;
        }
        let by_distribution = self.by_distribution.load();
        let marks = by_distribution
            .get(distribution)
            .filter(|marks| began < marks.newest());
        let recent = self.recent.read();
        let recent = (began < recent.newest()).then_some(&*recent);
        let mut mark = Mark::default();
        for names in names {
            names.each(|name| {
                if let Some(marks) = marks {
                    mark = mark.and(marks.of_path(name));
                }
                if let Some(recent) = recent {
                    mark = mark.and(recent.of_path(distribution, name));
                }
            });
        }
        if let Some(marks) = marks {
            mark = tags
                .iter()
                .fold(mark, |mark, tag| mark.and(marks.of_tag(tag)));
        }
        mark.standing(began)
    }

    /// Returns true if anything was invalidated since `began`: if not, names and tags are not needed.
    pub(crate) fn any_since(&self, began: Sequence) -> bool {
        began.0 < self.newest.load(Ordering::Acquire)
    }

    /// The newest invalidation that may concern a response to a request of these names, known before there is one: requests
    /// before and after it do not share a fetch.
    pub(crate) fn since(&self, distribution: &str, names: Names<'_>) -> Sequence {
        if self.newest.load(Ordering::Acquire) == 0 {
            return Sequence(0);
        }
        let by_distribution = self.by_distribution.load();
        let marks = by_distribution.get(distribution);
        let recent = self.recent.read();
        let mut mark = Mark::default();
        names.each(|name| {
            if let Some(marks) = marks {
                mark = mark.and(marks.of_path(name));
            }
            mark = mark.and(recent.of_path(distribution, name));
        });
        // Which tags the response will have, nobody knows yet.
        mark.newest()
            .max(marks.map_or(Sequence(0), |marks| marks.newest_tag()))
    }

    /// Invalidates, for every request from now on, whatever becomes of the host.
    ///
    /// # Errors
    /// The durable state can't be written: the invalidation is in force, and a restart may forget it.
    pub(crate) async fn invalidate(
        &self,
        distribution: &Arc<str>,
        wanted: &[Wanted],
        soft: bool,
        now: Time,
    ) -> Result<(), StateError> {
        let _one_at_a_time = self.commanding.lock().await;
        let changes = {
            let _publishing = self.publishing.lock();
            let sequence = self.next();
            let mark = if soft {
                Mark::soft(sequence, now)
            } else {
                Mark::hard(sequence)
            };
            let mut all = HashMap::clone(&self.by_distribution.load());
            let marks = Arc::make_mut(all.entry(distribution.clone()).or_default());
            let changed = marks.add(wanted, mark);
            let changes = durable::changes(distribution, marks, &changed);
            self.by_distribution.store(Arc::new(all));
            self.publish(sequence);
            changes
        };
        self.state.apply(changes).await
    }

    /// Makes durable what unsafe methods invalidated. Called every second, and once when the host stops.
    ///
    /// # Errors
    /// The durable state can't be written: the next call tries again.
    pub(crate) async fn keep_outdated(&self) -> Result<(), StateError> {
        let _one_at_a_time = self.commanding.lock().await;
        let (changed, secret) = {
            let mut recent = self.recent.write();
            (recent.take_changed(), recent.key())
        };
        if changed.is_empty() {
            return Ok(());
        }
        let written = self.state.apply(durable::shards(secret, &changed)).await;
        if written.is_err() {
            let mut recent = self.recent.write();
            recent.not_written(changed.iter().map(|(number, _)| *number));
        }
        written
    }

    /// Remembers that what is stored under these names is out of date (RFC 9111, section 4.4). Returns the number
    /// of the response that said so, whose request began at `began`: what it brings is newer than what is out of date, unless
    /// something else invalidated it meanwhile.
    pub(crate) fn outdated(
        &self,
        distribution: &str,
        names: &[Names<'_>],
        began: Sequence,
    ) -> Sequence {
        let _publishing = self.publishing.lock();
        let sequence = self.next();
        let untouched = names
            .iter()
            .all(|names| self.since(distribution, *names) <= began);
        {
            let mut recent = self.recent.write();
            for names in names {
                names.each(|name| recent.add(distribution, name, sequence));
            }
        }
        self.publish(sequence);
        if untouched { sequence } else { began }
    }

    /// Returns the number of invalidations remembered for a distribution.
    pub(crate) fn kept(&self, distribution: &str) -> usize {
        self.by_distribution
            .load()
            .get(distribution)
            .map_or(0, |marks| marks.len())
    }

    fn next(&self) -> Sequence {
        Sequence(self.last.load(Ordering::Acquire) + 1)
    }

    /// Everybody sees the invalidation before anybody can begin a fetch at its number.
    fn publish(&self, sequence: Sequence) {
        self.newest.store(sequence.0, Ordering::Release);
        self.last.store(sequence.0, Ordering::Release);
    }
}
