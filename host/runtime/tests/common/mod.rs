//! Guests built from source, a runtime, and requests. The fuzz targets of plugins use them too.

#![allow(dead_code, unreachable_pub)]

pub mod capabilities;
pub mod hostile;
pub mod made;
pub mod numbers;
pub mod random;

use std::borrow::Cow;
use std::ffi::OsStr;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use selvedge_runtime::capabilities::Geo;
use selvedge_runtime::{
    Called, KeyDecision, KeyPart, Limits, Options, Plugin, PluginSpec, RequestFacts, RequestId,
    ResponseFacts, Runtime, Scheme, ShortCircuit, TlsFacts, Transaction,
};

/// The target directory of the workspace. A fuzz target knows of none, and has the guests built elsewhere.
pub fn target() -> PathBuf {
    match option_env!("CARGO_TARGET_TMPDIR") {
        Some(inside) => Path::new(inside)
            .parent()
            .expect("it is inside of the target directory")
            .to_owned(),
        None => std::env::temp_dir().join("selvedge-fuzz"),
    }
}

/// Where the guests' workspace is.
pub fn guests_manifest() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    match here.ends_with("fuzz") {
        true => here.join("../host/runtime/tests/guests/Cargo.toml"),
        false => here.join("tests/guests/Cargo.toml"),
    }
}

/// A guest of `tests/guests` by its crate's name, built when first asked for.
pub fn guest(name: &str) -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let folder = BUILT.get_or_init(|| {
        let manifest = guests_manifest();
        let guests = ["--release", "--manifest-path"].map(OsStr::new);
        build("guests", guests.into_iter().chain([manifest.as_os_str()])).join("release")
    });
    folder.join(format!("guest_{name}.wasm"))
}

/// Builds for Wasm what these arguments of `cargo build` say; returns the folder of the target. It has a target directory of
/// its own: the main one is locked by the cargo that runs this.
pub fn build<'a>(folder: &str, what: impl Iterator<Item = &'a OsStr> + Clone) -> PathBuf {
    let target = target().join(folder);
    let builds = || {
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--locked", "--target", "wasm32-wasip1"])
            .args(what.clone())
            .arg("--target-dir")
            .arg(&target)
            .env_remove("RUSTFLAGS")
            .env_remove("CARGO_ENCODED_RUSTFLAGS");
        cargo.status().expect("cargo runs").success()
    };
    if !builds() {
        let rustup = Command::new("rustup")
            .args(["target", "add", "wasm32-wasip1"])
            .status();
        assert!(
            rustup.is_ok_and(|status| status.success()),
            "`rustup target add wasm32-wasip1` failed"
        );
        assert!(builds(), "it does not build for Wasm");
    }
    target.join("wasm32-wasip1")
}

/// One runtime for all tests of a file. Compiled guests are kept between runs.
pub fn runtime() -> Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    let make = || {
        Runtime::new(Options {
            cache_dir: Some(target().join("tmp/compiled")),
            ..small()
        })
    };
    let start = || {
        let runtime = make().expect("the runtime starts");
        // Of earlier guests.
        runtime.tidy();
        runtime
    };
    RUNTIME.get_or_init(start).clone()
}

/// Fewer instances: test processes are many.
pub fn small() -> Options {
    Options {
        max_instances: 64,
        // What compares instances with and without knows which it has.
        snapshot_after: std::time::Duration::MAX,
        ..Options::default()
    }
}

/// The plugin of a test: the guest with three hooks. It may fail as often as it likes.
pub fn spec() -> PluginSpec {
    PluginSpec {
        short_circuit: ShortCircuit {
            failures: u32::MAX,
            ..ShortCircuit::default()
        },
        ..PluginSpec::new("under-test", "d1", guest("hooks"))
    }
}

pub fn load(spec: &PluginSpec) -> Arc<Plugin> {
    runtime()
        .load(spec)
        .unwrap_or_else(|error| panic!("{error}"))
}

pub fn plugin() -> Arc<Plugin> {
    load(&spec())
}

pub fn plugin_with(limits: Limits) -> Arc<Plugin> {
    load(&PluginSpec { limits, ..spec() })
}

/// Knows the country of every IPv4 address.
pub struct Country(pub &'static str);

impl Geo for Country {
    fn fact(&self, address: IpAddr, name: &str) -> Option<Cow<'_, str>> {
        (name == "country" && address.is_ipv4()).then(|| self.0.into())
    }
}

/// A request for a path.
pub fn request(path: &str) -> Arc<RequestFacts> {
    Arc::new(facts(path))
}

pub fn facts(path: &str) -> RequestFacts {
    RequestFacts {
        method: Method::GET,
        scheme: Scheme::Https,
        host: "www.example.test".into(),
        path: path.into(),
        query: Some("q=a+b%21&utm_source=x&q=2".into()),
        fields: fields(&[
            ("accept", "text/html"),
            ("user-agent", "Mozilla/5.0 (iPhone) Mobile"),
            ("accept", "text/plain"),
            ("cookie", "a=1; group=b=c"),
            ("cookie", "group=later"),
            ("accept-language", "de-CH"),
        ]),
        body: None,
        geo: Some(Arc::new(Country("CH"))),
        viewer: "[::ffff:192.0.2.7]:4711".parse().expect("an address"),
        version: http::Version::HTTP_11,
        tls: Some(Arc::new(TlsFacts {
            version: "TLSv1.3".into(),
            cipher: "TLS_AES_128_GCM_SHA256".into(),
        })),
        request_id: RequestId(1),
        distribution: "d1".into(),
        edge: "edge-1".into(),
        received: Instant::now(),
        origin: Some("main".into()),
        cache_status: Some("hit"),
        cache_age: Some(9),
        cache_key: None,
    }
}

pub fn response() -> Arc<ResponseFacts> {
    Arc::new(ResponseFacts {
        status: StatusCode::OK,
        fields: fields(&[
            ("content-type", "text/html"),
            ("cache-control", "max-age=1"),
            ("cache-control", "public"),
        ]),
        origin: Some("main".into()),
    })
}

fn fields(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &'static str)| {
        (
            HeaderName::from_static(name),
            HeaderValue::from_static(value),
        )
    };
    let mut map = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        map.append(name, value);
    }
    map
}

/// Asks `cache-key` in a transaction of its own.
pub async fn ask(plugin: &Arc<Plugin>, path: &str) -> Called<KeyDecision> {
    Transaction::new().cache_key(plugin, &request(path)).await
}

/// The text that a guest answered with.
pub fn literal(called: Called<KeyDecision>) -> String {
    match called.decision {
        Ok(KeyDecision::Replace(parts)) => match parts.as_slice() {
            [KeyPart::Literal(text)] => String::from_utf8_lossy(text).into_owned(),
            other => panic!("not one literal: {other:?}"),
        },
        other => panic!("no text: {other:?}"),
    }
}

/// Collects log lines.
#[derive(Clone)]
pub struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

/// While there is one subscriber only, a line that is first said where another test runs is taken for one that nobody ever
/// wants to hear. This is another one.
static OTHER: std::sync::LazyLock<tracing::Dispatch> = std::sync::LazyLock::new(|| {
    let deaf = tracing_subscriber::fmt().with_writer(std::io::sink);
    tracing::Dispatch::new(deaf.finish())
});

impl Default for Lines {
    fn default() -> Lines {
        std::sync::LazyLock::force(&OTHER);
        Lines(std::sync::Arc::default())
    }
}

impl Lines {
    /// All text so far.
    pub fn take(&self) -> String {
        let text = std::mem::take(&mut *self.0.lock().unwrap());
        String::from_utf8(text).unwrap()
    }

    /// The lines of plugins, written as JSON.
    pub fn of_plugins(&self) -> Vec<serde_json::Value> {
        let lines = self.take();
        let parsed = lines
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        parsed.filter(|line| line["target"] == "plugin").collect()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> tracing_subscriber::fmt::MakeWriter<'a> for Lines {
    type Writer = Lines;

    fn make_writer(&'a self) -> Lines {
        self.clone()
    }
}
