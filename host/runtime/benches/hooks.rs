//! What a hook call costs: CPU time of the calling thread, for each isolation. `cargo bench -p selvedge-runtime`

// Its output is what it is for.
#![allow(clippy::print_stdout)]

#[path = "../tests/common/mod.rs"]
mod common;
mod measured;

use std::sync::Arc;

use common::{guest, load, request, response, runtime, spec};
use measured::{measure, on_this_thread};
use selvedge_runtime::{Isolation, Plugin, PluginSpec, RequestFacts, ResponseFacts, Transaction};

const ROUNDS: u32 = 2000;

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
    let async_runtime = on_this_thread();
    for isolation in [Isolation::Request, Isolation::Reuse] {
        let case = Case::new(isolation);
        measure(
            &format!("{isolation:?}: cache-key, 3 reads"),
            ROUNDS,
            &async_runtime,
            async || case.cache_key().await,
        );
        measure(
            &format!("{isolation:?}: three hooks"),
            ROUNDS,
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
        ROUNDS,
        &async_runtime,
        async || with_init.cache_key().await,
    );
    let remembered = Case::remembering(Isolation::Request, true);
    measure(
        "Request: cache-key, 3 reads, remembered",
        ROUNDS,
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
        ROUNDS,
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
    measure(
        "Reuse: cache-key that panics",
        ROUNDS,
        &async_runtime,
        async || {
            let _ = Transaction::new(&runtime())
                .cache_key(&panicking.plugin, &panicking.request)
                .await;
        },
    );
}
