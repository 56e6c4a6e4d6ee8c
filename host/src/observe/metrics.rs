//! Counters in the OpenMetrics text form that Prometheus reads. The words of the labels are those of the log and of
//! Cache-Status.

use super::access::Record;
use super::plugin_metrics::PluginMetrics;
use super::series::Series;
use http::StatusCode;
use parking_lot::RwLock;
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use std::collections::{BTreeMap, HashMap};
use std::fmt::Write;
use std::sync::Arc;

/// The label of requests for a host name that nobody has.
const NO_DISTRIBUTION: &str = "none";

/// The label of requests that the cache had no part in.
const NO_CACHE: &str = "none";

/// The label of requests that a stored response answered.
const HIT: &str = "hit";

/// The requests of a distribution that the cache had a part in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CachedRequests {
    /// All of them.
    pub requests: u64,
    /// Those that a stored response answered.
    pub hits: u64,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct RequestLabels {
    distribution: String,
    status: u16,
    cache: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OriginLabels {
    distribution: String,
    origin: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FetchLabels {
    distribution: String,
    origin: String,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct HookLabels {
    distribution: String,
    plugin: String,
    hook: &'static str,
    outcome: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct DistributionLabel {
    distribution: String,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct BoundLabel {
    bound: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct OutcomeLabel {
    outcome: &'static str,
}

/// The counters of one distribution's hits: looked up once, so that a hit looks nothing up by its labels.
struct OfHits {
    requests: Counter,
    sent_bytes: Counter,
}

/// A gauge, read when the metrics are rendered.
#[derive(Clone, Debug)]
pub struct Gauge {
    name: &'static str,
    help: &'static str,
    /// The labels as they are written, with the values.
    values: Vec<(String, u64)>,
}

impl Gauge {
    /// One without labels. The name has no `selvedge_` before it.
    pub fn new(name: &'static str, help: &'static str, value: u64) -> Gauge {
        Gauge {
            name,
            help,
            values: vec![(String::new(), value)],
        }
    }

    /// One with the label `distribution`.
    pub fn by_distribution(name: &'static str, help: &'static str) -> Gauge {
        Gauge {
            name,
            help,
            values: Vec::new(),
        }
    }

    /// Adds the value of a distribution. Ids need no escaping.
    pub fn add(&mut self, distribution: &str, value: u64) {
        let label = format!("{{distribution=\"{distribution}\"}}");
        self.values.push((label, value));
    }

    fn write(&self, out: &mut String) {
        let Gauge { name, help, values } = self;
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "# HELP selvedge_{name} {help}.\n# TYPE selvedge_{name} gauge\n"
        );
        for (labels, value) in values {
            let _ = writeln!(out, "selvedge_{name}{labels} {value}");
        }
    }
}

/// Counts calls of one plugin at one hook with one outcome.
pub struct HookCounter(Counter);

impl HookCounter {
    /// One more.
    pub fn count(&self) {
        self.0.inc();
    }
}

/// The host's metrics. Every label's values are bounded by the configuration, never by what viewers send.
pub struct Metrics {
    registry: Registry,
    requests: Series<RequestLabels>,
    /// For each distribution that has had one; bounded by the configuration, as the labels are.
    hits: RwLock<HashMap<Arc<str>, OfHits>>,
    sent_bytes: Series<DistributionLabel>,
    aborted: Series<DistributionLabel>,
    fetches: Series<FetchLabels>,
    encoded: Series<OriginLabels>,
    hooks: Series<HookLabels>,
    reloads: Family<OutcomeLabel, Counter>,
    connections: gauge::Gauge,
    refused_connections: Family<BoundLabel, Counter>,
    duration: Histogram,
    of_plugins: PluginMetrics,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics::new()
    }
}

impl Metrics {
    /// All at zero.
    pub fn new() -> Metrics {
        let mut registry = Registry::with_prefix("selvedge");
        let metrics = Metrics {
            requests: Series::new(&mut registry, "requests", "Requests answered"),
            hits: RwLock::default(),
            sent_bytes: Series::new(
                &mut registry,
                "response_body_bytes",
                "Body bytes sent to viewers",
            ),
            aborted: Series::new(
                &mut registry,
                "responses_aborted",
                "Responses that ended before their time",
            ),
            fetches: Series::new(&mut registry, "origin_fetches", "Requests to origins"),
            encoded: Series::new(
                &mut registry,
                "encoded_responses",
                "Responses of origins that are compressed although they were asked for without a coding",
            ),
            hooks: Series::new(&mut registry, "hook_calls", "Calls of plugins' hooks"),
            reloads: Family::default(),
            connections: gauge::Gauge::default(),
            refused_connections: Family::default(),
            duration: Histogram::new([
                0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0,
            ]),
            of_plugins: PluginMetrics::new(&mut registry),
            registry: Registry::default(),
        };
        registry.register(
            "configuration_loads",
            "Configurations taken or refused while running",
            metrics.reloads.clone(),
        );
        registry.register(
            "viewer_connections",
            "Open connections of viewers",
            metrics.connections.clone(),
        );
        registry.register(
            "viewer_connections_refused",
            "Connections of viewers that were closed unread",
            metrics.refused_connections.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "From the request's head to the end of the response's body",
            metrics.duration.clone(),
        );
        Metrics {
            registry,
            ..metrics
        }
    }

    /// A request is over.
    pub fn request(&self, record: &Record) {
        self.duration
            .observe(record.received.elapsed().as_secs_f64());
        if record.status == Some(StatusCode::OK)
            && !record.aborted
            && record.cache.as_ref().is_some_and(|cache| cache.hit)
            && let Some(distribution) = &record.distribution
        {
            return self.hit(distribution, record.sent);
        }
        let distribution = || {
            record
                .distribution
                .as_deref()
                .unwrap_or(NO_DISTRIBUTION)
                .to_owned()
        };
        let labels = RequestLabels {
            distribution: distribution(),
            status: record.status_number(),
            cache: record.cache.as_ref().map_or(NO_CACHE, |cache| cache.word()),
        };
        self.requests.count(labels, 1);
        let label = DistributionLabel {
            distribution: distribution(),
        };
        if record.aborted {
            self.aborted.count(label.clone(), 1);
        }
        self.sent_bytes.count(label, record.sent);
    }

    /// Returns the requests so far that the cache had a part in, by distribution.
    pub fn cached_requests(&self) -> BTreeMap<String, CachedRequests> {
        let mut all = BTreeMap::<String, CachedRequests>::new();
        self.requests.each(|labels, count| {
            if labels.cache != NO_CACHE {
                let of = all.entry(labels.distribution.clone()).or_default();
                of.requests += count;
                of.hits += if labels.cache == HIT { count } else { 0 };
            }
        });
        all
    }

    /// A stored response was sent whole.
    fn hit(&self, distribution: &Arc<str>, sent: u64) {
        let count = |of: &OfHits| {
            of.requests.inc();
            of.sent_bytes.inc_by(sent);
        };
        if let Some(of) = self.hits.read().get(distribution) {
            return count(of);
        }
        let labels = RequestLabels {
            distribution: distribution.to_string(),
            status: StatusCode::OK.as_u16(),
            cache: HIT,
        };
        let label = DistributionLabel {
            distribution: distribution.to_string(),
        };
        let of = OfHits {
            requests: self.requests.counter(labels),
            sent_bytes: self.sent_bytes.counter(label),
        };
        count(&of);
        self.hits.write().insert(distribution.clone(), of);
    }

    /// An origin answered or failed. `outcome` is `answered` or an error's word.
    pub fn fetch(&self, distribution: &str, origin: &str, outcome: &'static str) {
        let labels = FetchLabels {
            distribution: distribution.to_owned(),
            origin: origin.to_owned(),
            outcome,
        };
        self.fetches.count(labels, 1);
    }

    /// Counts a response whose content is coded although its origin was asked for content without a coding.
    pub fn encoded(&self, distribution: &str, origin: &str) {
        let labels = OriginLabels {
            distribution: distribution.to_owned(),
            origin: origin.to_owned(),
        };
        self.encoded.count(labels, 1);
    }

    /// A hook was called. `outcome` is `ok` or an error's word.
    pub fn hook(
        &self,
        distribution: &str,
        plugin: &str,
        hook: &'static str,
        outcome: &'static str,
    ) {
        let labels = HookLabels {
            distribution: distribution.to_owned(),
            plugin: plugin.to_owned(),
            hook,
            outcome,
        };
        self.hooks.count(labels, 1);
    }

    /// The counter of these calls, for who counts often.
    pub fn hook_counter(
        &self,
        distribution: &str,
        plugin: &str,
        hook: &'static str,
        outcome: &'static str,
    ) -> HookCounter {
        HookCounter(self.hooks.counter(HookLabels {
            distribution: distribution.to_owned(),
            plugin: plugin.to_owned(),
            hook,
            outcome,
        }))
    }

    /// The metrics that plugins keep.
    pub fn of_plugins(&self) -> &PluginMetrics {
        &self.of_plugins
    }

    /// Forgets the metrics of distributions and plugins that are not there any more. What is under way there may bring some
    /// of them back until the next time.
    pub fn retain(
        &self,
        has_distribution: impl Fn(&str) -> bool,
        has_plugin: impl Fn(&str, &str) -> bool,
    ) {
        let has =
            |distribution: &str| distribution == NO_DISTRIBUTION || has_distribution(distribution);
        // A distribution that comes back later gets counters that are shown.
        self.hits
            .write()
            .retain(|distribution, _| has(distribution));
        self.requests.retain(|labels| has(&labels.distribution));
        self.sent_bytes.retain(|labels| has(&labels.distribution));
        self.aborted.retain(|labels| has(&labels.distribution));
        self.fetches.retain(|labels| has(&labels.distribution));
        self.encoded.retain(|labels| has(&labels.distribution));
        self.hooks
            .retain(|labels| has_plugin(&labels.distribution, &labels.plugin));
        self.of_plugins.retain(has_plugin);
    }

    /// A configuration was `taken` or `refused`.
    pub fn reload(&self, outcome: &'static str) {
        self.reloads.get_or_create(&OutcomeLabel { outcome }).inc();
    }

    /// A viewer connected (+1) or left (-1).
    pub fn connections(&self, by: i64) {
        self.connections.inc_by(by);
    }

    /// A connection was closed unread: there are as many as may be in `all`, or from its `address`.
    pub fn refused_connection(&self, bound: &'static str) {
        self.refused_connections
            .get_or_create(&BoundLabel { bound })
            .inc();
    }

    /// How many viewers are connected.
    pub fn open_connections(&self) -> i64 {
        self.connections.get()
    }

    /// All metrics as text, with gauges read now.
    ///
    /// # Errors
    /// None in practice: writing to a string does not fail.
    pub fn render(&self, extra: &[Gauge]) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode_registry(&mut out, &self.registry)?;
        extra.iter().for_each(|gauge| gauge.write(&mut out));
        text::encode_eof(&mut out)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_for_what_is_gone_goes() {
        let metrics = Metrics::new();
        let count = || {
            for distribution in ["stays", "goes"] {
                metrics.hit(&distribution.into(), 10);
                metrics.fetch(distribution, "main", "answered");
                metrics.hook(distribution, "old", "ttl", "ok");
                metrics.hook(distribution, "new", "ttl", "ok");
            }
        };
        count();
        metrics.retain(
            |distribution| distribution == "stays",
            |distribution, plugin| (distribution, plugin) == ("stays", "new"),
        );
        let shown = metrics.render(&[]).unwrap();
        let lines = |with: &str| shown.lines().filter(|line| line.contains(with)).count();
        assert_eq!((lines("goes"), lines("old")), (0, 0), "{shown}");
        assert_eq!(lines("distribution=\"stays\""), 4, "{shown}");
        // What comes back is counted anew, hits too.
        count();
        let shown = metrics.render(&[]).unwrap();
        for line in [
            "selvedge_requests_total{distribution=\"goes\",status=\"200\",cache=\"hit\"} 1",
            "selvedge_requests_total{distribution=\"stays\",status=\"200\",cache=\"hit\"} 2",
        ] {
            assert!(shown.lines().any(|shown| shown == line), "{shown}");
        }
    }
}
