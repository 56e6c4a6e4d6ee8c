//! Cost of a hook call, for each isolation: `cargo bench -p selvedge-runtime`

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;

use common::{guest, load, request, response, spec};
use divan::Bencher;
use selvedge_runtime::{Isolation, Plugin, PluginSpec, RequestFacts, ResponseFacts, Transaction};

const ISOLATIONS: [Isolation; 2] = [Isolation::Request, Isolation::Reuse];

fn main() {
    divan::main();
}

/// Measures one call after the other on this thread.
fn measure(bencher: Bencher<'_, '_>, mut what: impl AsyncFnMut()) {
    let here = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("it starts");
    bencher.bench_local(|| here.block_on(what()));
}

struct Case {
    plugin: Arc<Plugin>,
    request: Arc<RequestFacts>,
    response: Arc<ResponseFacts>,
}

impl Case {
    fn new(isolation: Isolation) -> Case {
        Case::remembering(isolation, false)
    }

    fn remembering(isolation: Isolation, remember: bool) -> Case {
        Case {
            plugin: load(&PluginSpec {
                isolation,
                remember,
                ..spec()
            }),
            request: request("/device"),
            response: response(),
        }
    }

    async fn cache_key(&self) {
        let called = Transaction::new()
            .cache_key(&self.plugin, &self.request)
            .await;
        called.decision.expect("it decides");
    }

    async fn shared_cache_key(&self) {
        let called = Transaction::new()
            .shared_cache_key(&self.plugin, &self.request)
            .await;
        called.decision.expect("it decides");
    }

    async fn three_hooks(&self) {
        let mut transaction = Transaction::new();
        transaction
            .cache_key(&self.plugin, &self.request)
            .await
            .decision
            .expect("it decides");
        transaction
            .origin_selection(&self.plugin, &self.request)
            .await
            .decision
            .expect("it decides");
        transaction
            .ttl(&self.plugin, &self.request, &self.response)
            .await
            .decision
            .expect("it decides");
    }
}

/// A cache-key hook that reads three parts of the request, in a fresh instance or a reused one.
#[divan::bench(args = ISOLATIONS)]
fn cache_key(bencher: Bencher<'_, '_>, isolation: Isolation) {
    let case = Case::new(isolation);
    measure(bencher, async || case.cache_key().await);
}

/// A decision given again.
#[divan::bench]
fn cache_key_remembered(bencher: Bencher<'_, '_>) {
    let case = Case::remembering(Isolation::Request, true);
    measure(bencher, async || case.shared_cache_key().await);
}

#[divan::bench(args = ISOLATIONS)]
fn three_hooks_of_a_transaction(bencher: Bencher<'_, '_>, isolation: Isolation) {
    let case = Case::new(isolation);
    measure(bencher, async || case.three_hooks().await);
}

/// The cost that a small `init` adds to a fresh instance: compare with `cache_key`.
#[divan::bench]
fn cache_key_without_reads_with_init(bencher: Bencher<'_, '_>) {
    let case = Case {
        plugin: load(&PluginSpec {
            file: guest("init"),
            remember: false,
            ..spec()
        }),
        ..Case::new(Isolation::Request)
    };
    measure(bencher, async || case.cache_key().await);
}

/// A reused instance whose hook fails: `/error` returns an error, `/panic` costs the instance.
#[divan::bench(args = ["/error", "/panic"])]
fn cache_key_that_fails(bencher: Bencher<'_, '_>, path: &str) {
    let case = Case {
        request: request(path),
        ..Case::new(Isolation::Reuse)
    };
    measure(bencher, async || {
        let called = Transaction::new()
            .cache_key(&case.plugin, &case.request)
            .await;
        assert!(called.decision.is_err());
    });
}
