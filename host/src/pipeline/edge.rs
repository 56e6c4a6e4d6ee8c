//! The running host: what all requests share.

use super::failing::Failing;
use super::fetches::{Fetches, Slot};
use super::flights::Flights;
use super::imports::{Imports, Kv};
use super::invalidations::Invalidations;
use super::slices::WholeOnly;
use crate::distribution::{Distribution, Plan};
use crate::observe::clock::Clock;
use crate::observe::metrics::Metrics;
use crate::observe::sinks::Sinks;
use arc_swap::{ArcSwap, Guard};
use http::{HeaderValue, Version};
use parking_lot::Mutex;
use selvedge_runtime::{RequestId, Runtime};
use selvedge_store::{Entry, Found, Key, Store};
use std::collections::HashSet;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Chooses the sinks of access records for a plan.
pub type ChooseSinks = Box<dyn Fn(&Plan) -> Sinks + Send + Sync>;

/// The parts of a host.
pub struct EdgeParts {
    /// The configuration in force.
    pub plan: Arc<Plan>,
    /// Stored responses.
    pub store: Store,
    /// Invalidations of stored responses.
    pub invalidations: Arc<Invalidations>,
    /// Data of plugins that outlives a configuration.
    pub imports: Arc<Imports>,
    /// The plugins' engine.
    pub runtime: Arc<Runtime>,
    /// HTTP time.
    pub clock: Arc<Clock>,
    /// Figures.
    pub metrics: Arc<Metrics>,
    /// Chooses the sinks of access records for a plan; asked again at each reload.
    pub sinks: ChooseSinks,
    /// This edge's name.
    pub name: String,
    /// This edge's id in CDN-Loop, the same after a restart.
    pub loop_id: String,
}

/// A running host. One for each process; a configuration is swapped in as a whole.
pub struct Edge {
    plan: ArcSwap<Plan>,
    sinks: ArcSwap<Sinks>,
    /// False if no request has a sink: then none keeps what only sinks read.
    has_sinks: AtomicBool,
    store: Store,
    invalidations: Arc<Invalidations>,
    imports: Arc<Imports>,
    runtime: Arc<Runtime>,
    clock: Arc<Clock>,
    metrics: Arc<Metrics>,
    choose_sinks: ChooseSinks,
    flights: Flights,
    fetches: Fetches,
    failing: Failing,
    whole_only: WholeOnly,
    name: Arc<str>,
    via: [HeaderValue; 4],
    loop_id: String,
    loop_field: HeaderValue,
    first_request: u64,
    requests: AtomicU64,
    warned: Mutex<HashSet<(Arc<str>, String)>>,
    tasks: tokio::runtime::Handle,
    #[cfg(test)]
    look_ups: AtomicU64,
    /// Each task that runs apart from a viewer holds one.
    under_way: Arc<()>,
}

impl Edge {
    /// Puts a host together. Call it within a tokio runtime: fetches run there.
    pub fn new(parts: EdgeParts) -> Arc<Edge> {
        // Taken apart, so that the first plan goes when another one is taken.
        let EdgeParts {
            plan,
            store,
            invalidations,
            imports,
            runtime,
            clock,
            metrics,
            sinks: choose_sinks,
            name,
            loop_id,
        } = parts;
        let via = |version: &str| {
            HeaderValue::try_from(format!("{version} {name} (Selvedge)"))
                .unwrap_or_else(|_| HeaderValue::from_static("1.1 selvedge"))
        };
        let sinks = choose_sinks(&plan);
        Arc::new(Edge {
            has_sinks: AtomicBool::new(!sinks.is_empty()),
            sinks: ArcSwap::from_pointee(sinks),
            plan: ArcSwap::new(plan),
            flights: Flights::default(),
            fetches: Fetches::default(),
            failing: Failing::default(),
            whole_only: WholeOnly::default(),
            via: ["1.0", "1.1", "2.0", "3.0"].map(via),
            name: name.into(),
            loop_field: HeaderValue::try_from(loop_id.as_str())
                .unwrap_or_else(|_| HeaderValue::from_static("selvedge")),
            loop_id,
            first_request: clock.now().0 << 20,
            requests: AtomicU64::new(0),
            warned: Mutex::default(),
            tasks: tokio::runtime::Handle::current(),
            #[cfg(test)]
            look_ups: AtomicU64::new(0),
            under_way: Arc::default(),
            store,
            invalidations,
            imports,
            runtime,
            clock,
            metrics,
            choose_sinks,
        })
    }

    /// The configuration in force.
    pub fn plan(&self) -> Guard<Arc<Plan>> {
        self.plan.load()
    }

    /// Puts another configuration in force. Requests under way end under the one that they began with.
    pub fn take(&self, plan: Arc<Plan>) {
        let sinks = (self.choose_sinks)(&plan);
        self.has_sinks.store(!sinks.is_empty(), Ordering::Relaxed);
        self.sinks.store(Arc::new(sinks));
        self.plan.store(plan);
        self.warned.lock().clear();
    }

    /// Stored responses.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Looks up a key, as far as that takes no wait.
    pub(crate) fn look_up(&self, key: &Key) -> Found {
        #[cfg(test)]
        self.look_ups.fetch_add(1, Ordering::Relaxed);
        self.store().look_up(key)
    }

    /// Returns the number of look-ups so far.
    #[cfg(test)]
    pub(crate) fn look_ups(&self) -> u64 {
        self.look_ups.load(Ordering::Relaxed)
    }

    /// Returns the entry of a key, from memory or from disk.
    pub(crate) async fn stored(&self, key: &Key) -> Option<Arc<Entry>> {
        match self.look_up(key) {
            Found::Memory(entry) => Some(entry),
            Found::Absent => None,
            Found::OnDisk => self.store().load(key).await,
        }
    }

    /// The plugins' engine.
    pub fn runtime(&self) -> &Arc<Runtime> {
        &self.runtime
    }

    /// HTTP time.
    pub fn clock(&self) -> &Arc<Clock> {
        &self.clock
    }

    /// Figures.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// Returns true if some request's record goes to a sink.
    pub(crate) fn has_sinks(&self) -> bool {
        self.has_sinks.load(Ordering::Relaxed)
    }

    /// The sinks of access records.
    pub(crate) fn sinks(&self) -> Guard<Arc<Sinks>> {
        self.sinks.load()
    }

    /// This edge's name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Returns the number of fetches under way that requests may join.
    pub fn fetches_under_way(&self) -> usize {
        self.flights.count()
    }

    /// Makes durable what unsafe methods have invalidated so far.
    pub async fn keep_invalidations(&self) {
        if let Err(error) = self.invalidations.keep_outdated().await {
            tracing::error!(
                target: "cache",
                "what unsafe methods invalidated can't be written to the durable state, and a restart would forget it: {error}"
            );
        }
    }

    pub(crate) fn invalidations(&self) -> &Invalidations {
        &self.invalidations
    }

    /// Data of plugins that outlives a configuration.
    pub fn imports(&self) -> &Arc<Imports> {
        &self.imports
    }

    /// Key-value data of the distributions.
    pub(crate) fn kv(&self) -> &Kv {
        self.imports.kv()
    }

    /// Returns the number of fetches that no viewer has to wait for: shared ones, refreshes, and those whose viewer has left.
    pub fn tasks_under_way(&self) -> usize {
        Arc::strong_count(&self.under_way) - 1
    }

    pub(crate) fn whole_only(&self) -> &WholeOnly {
        &self.whole_only
    }

    /// A slot for one more fetch; `None` if `limit` are under way.
    pub(crate) fn begin_fetch(&self, limit: usize) -> Option<Slot> {
        self.fetches.begin(limit)
    }

    pub(crate) fn failing(&self) -> &Failing {
        &self.failing
    }

    pub(crate) fn flights(&self) -> &Flights {
        &self.flights
    }

    /// Returns the Via line for a message received in this version (RFC 9110, section 7.6.3).
    pub(crate) fn via(&self, version: Version) -> &HeaderValue {
        let [of_1_0, of_1_1, of_2, of_3] = &self.via;
        match version {
            Version::HTTP_3 => of_3,
            Version::HTTP_2 => of_2,
            Version::HTTP_11 => of_1_1,
            _ => of_1_0,
        }
    }

    pub(crate) fn loop_id(&self) -> &str {
        &self.loop_id
    }

    pub(crate) fn loop_field(&self) -> &HeaderValue {
        &self.loop_field
    }

    /// Unique in this host: the time of its start and a count.
    pub(crate) fn next_request_id(&self) -> RequestId {
        let count = self.requests.fetch_add(1, Ordering::Relaxed);
        RequestId(self.first_request.wrapping_add(count))
    }

    /// Returns true if this is the first warning about a plugin since its configuration was taken.
    pub(crate) fn first_time(&self, distribution: &Distribution, plugin: &str) -> bool {
        self.warned
            .lock()
            .insert((distribution.id().clone(), plugin.to_owned()))
    }

    /// Runs a fetch apart from the viewer that caused it.
    pub(crate) fn spawn(&self, fetch: impl Future<Output = ()> + Send + 'static) {
        let under_way = self.under_way.clone();
        // Put on the heap once: handing it on would move all of it each time.
        let fetch = Box::pin(fetch);
        self.tasks.spawn(async move {
            fetch.await;
            drop(under_way);
        });
    }
}
