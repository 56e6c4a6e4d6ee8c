//! The host under test: the real one, with a real store, on a clock that the simulation moves.

use crate::content::SLICE;
use crate::plugin;
use selvedge::config;
use selvedge::observe::clock::Clock;
use selvedge::observe::sinks::Sinks;
use selvedge::pipeline::Edge;
use selvedge::pipeline::insight::{self, Invalidate};
use selvedge::running::{Running, Start, start};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

const SERVER: &str = r#"
listen = ["127.0.0.1:0"]
access_log = false

[store]
path = "store"
memory = "1 MiB"
disk = "512 MiB"
max_object = "256 KiB"
"#;

/// The behaviors, as [`crate::content::Policy`] describes them.
const BEHAVIORS: [(&str, &str); 6] = [
    (
        "/plain/*",
        "min_ttl = 0, default_ttl = 0, max_ttl = 600, error_min_ttl = 0",
    ),
    (
        "/plugged/*",
        "min_ttl = 0, default_ttl = 0, max_ttl = 600, error_min_ttl = 0",
    ),
    (
        "/sliced/*",
        "min_ttl = 0, default_ttl = 0, max_ttl = 600, error_min_ttl = 0",
    ),
    (
        "/default/*",
        "min_ttl = 0, default_ttl = 60, max_ttl = 600, error_min_ttl = 10",
    ),
    (
        "/honor/*",
        "min_ttl = 0, default_ttl = 0, max_ttl = 600, error_min_ttl = 0, honor_viewer_cache_control = true",
    ),
    (
        "/coded/*",
        "min_ttl = 0, default_ttl = 0, max_ttl = 600, error_min_ttl = 0, accept_encoding = [\"gzip\"]",
    ),
];

pub(crate) struct Host {
    dir: TempDir,
    clock: Arc<Clock>,
    running: Option<Running>,
}

impl Host {
    pub(crate) async fn start(origin: SocketAddr, clock: Arc<Clock>) -> Host {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let store = dir.path().join("store");
        std::fs::create_dir(&store).expect("a new folder");
        std::os::unix::fs::symlink(plugin::compiled(), store.join("compiled")).expect("a new link");
        let distributions = dir.path().join("distributions");
        std::fs::create_dir(&distributions).expect("a new folder");
        std::fs::write(dir.path().join("selvedge.toml"), SERVER).expect("a new file");
        std::fs::write(distributions.join("simulation.toml"), distribution(origin))
            .expect("a new file");
        let mut host = Host {
            dir,
            clock,
            running: None,
        };
        host.running = Some(host.run().await);
        host
    }

    async fn run(&self) -> Running {
        let config = config::load(&self.dir.path().join("selvedge.toml"))
            .unwrap_or_else(|report| panic!("the configuration is refused:\n{report}"));
        let start_it = Start {
            configuration: config.into(),
            sinks: Box::new(|_| Sinks::none()),
            clock: self.clock.clone(),
            test_clock: false,
            compiler: selvedge_runtime::Compiler::InProcess,
            next_free_port: false,
        };
        start(start_it)
            .await
            .unwrap_or_else(|error| panic!("the host does not start: {error}"))
    }

    /// Stops it and starts it with the same store.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.running = Some(self.run().await);
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
    }

    /// The folder of its store.
    pub(crate) fn store(&self) -> PathBuf {
        self.dir.path().join("store")
    }

    fn running(&self) -> &Running {
        self.running
            .as_ref()
            .expect("it runs between start and stop")
    }

    pub(crate) fn address(&self) -> SocketAddr {
        *self
            .running()
            .addresses()
            .first()
            .expect("it listens on one address")
    }

    pub(crate) fn edge(&self) -> &Arc<Edge> {
        self.running().edge()
    }

    /// Does what `selvedge invalidate` asks of the admin socket.
    pub(crate) async fn invalidate(&self, asked: &Invalidate) {
        insight::invalidate(self.edge(), asked)
            .await
            .unwrap_or_else(|refused| panic!("{asked:?} is refused: {refused}"));
    }

    /// Returns true if nobody asks and no fetch is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.edge().metrics().open_connections() == 0 && self.edge().tasks_under_way() == 0
    }
}

fn distribution(origin: SocketAddr) -> String {
    let mut text = format!(
        "id = \"simulation\"\naliases = [\"simulation.test\"]\ntag_header = \"Cache-Tag\"\n\n[[origins]]\nid = \"main\"\ndomain = \"127.0.0.1\"\n\
         protocol = \"http-only\"\nhttp_port = {}\nconnection_attempts = 1\n\n[default_behavior]\norigin = \"main\"\n",
        origin.port()
    );
    for (path, cache) in BEHAVIORS {
        text += &format!(
            "\n[[behaviors]]\npath = \"{path}\"\norigin = \"main\"\n\
             allowed_methods = [\"GET\", \"HEAD\", \"OPTIONS\", \"PUT\", \"POST\", \"PATCH\", \"DELETE\"]\n\
             cache = {{ {cache} }}\nforward = {{ headers = [\"Accept-Language\"] }}\n"
        );
        match path {
            "/sliced/*" => text += &format!("range_slices = \"{} KiB\"\n", SLICE / 1024),
            "/plugged/*" => text += "plugins = [\"simulated\"]\n",
            _ => {}
        }
    }
    text += &format!(
        "\n[[plugins]]\nname = \"simulated\"\nfile = {:?}\n\
         limits = {{ cpu = \"10 s\", wall = \"60 s\" }}\n",
        plugin::file()
    );
    text
}
