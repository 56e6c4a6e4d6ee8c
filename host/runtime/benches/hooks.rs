//! What a hook call costs: CPU time of the calling thread, for each isolation. `cargo bench -p selvedge-runtime`

// Its output is what it is for.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;

use std::sync::Arc;

use common::{guest, load, request, response, runtime, spec};
use selvedge_runtime::{Isolation, Plugin, PluginSpec, RequestFacts, ResponseFacts, Transaction};

const ROUNDS: u32 = 2000;

/// CPU time of this thread in microseconds.
fn cpu_micros() -> f64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// Runs `what` often, several times, and prints the best and the median of the means.
fn measure(name: &str, runtime: &tokio::runtime::Runtime, mut what: impl AsyncFnMut()) {
    let mut means: Vec<f64> = (0..9)
        .map(|_| {
            runtime.block_on(async {
                let start = cpu_micros();
                for _ in 0..ROUNDS {
                    what().await;
                }
                (cpu_micros() - start) / f64::from(ROUNDS)
            })
        })
        .collect();
    means.sort_by(f64::total_cmp);
    println!(
        "{name:<44} {:>7.2} us best {:>7.2} us median",
        means[0], means[4]
    );
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
        let called = Transaction::new(&runtime())
            .cache_key(&self.plugin, &self.request)
            .await;
        called.decision.expect("it decides");
    }

    async fn shared_cache_key(&self) {
        let called = Transaction::new(&runtime())
            .shared_cache_key(&self.plugin, &self.request)
            .await;
        called.decision.expect("it decides");
    }

    async fn three_hooks(&self) {
        let mut transaction = Transaction::new(&runtime());
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

fn main() {
    let async_runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("it starts");
    for isolation in [Isolation::Request, Isolation::Reuse] {
        let case = Case::new(isolation);
        measure(
            &format!("{isolation:?}: cache-key, 3 reads"),
            &async_runtime,
            async || case.cache_key().await,
        );
        measure(
            &format!("{isolation:?}: three hooks"),
            &async_runtime,
            async || case.three_hooks().await,
        );
    }
    // What a small `init` adds to a fresh instance: compare with the first line.
    let with_init = Case {
        plugin: load(&PluginSpec {
            file: guest("init"),
            remember: false,
            ..spec()
        }),
        ..Case::new(Isolation::Request)
    };
    measure(
        "Request: cache-key, no reads, with init",
        &async_runtime,
        async || with_init.cache_key().await,
    );
    let remembered = Case::remembering(Isolation::Request, true);
    measure(
        "Request: cache-key, 3 reads, remembered",
        &async_runtime,
        async || remembered.shared_cache_key().await,
    );
    let reused = Case::new(Isolation::Reuse);
    let error = Case {
        request: request("/error"),
        ..Case::new(Isolation::Reuse)
    };
    measure(
        "Reuse: cache-key that returns an error",
        &async_runtime,
        async || {
            let _ = Transaction::new(&runtime())
                .cache_key(&error.plugin, &error.request)
                .await;
        },
    );
    let panicking = Case {
        request: request("/panic"),
        ..reused
    };
    measure("Reuse: cache-key that panics", &async_runtime, async || {
        let _ = Transaction::new(&runtime())
            .cache_key(&panicking.plugin, &panicking.request)
            .await;
    });
}
