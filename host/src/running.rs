//! A host from start to stop: what `selvedge run` and `selvedge dev` have in common.

use crate::admin::{self, socket};
use crate::config::{self, Config, Report};
use crate::deploy::{Deployer, Reading, Taken};
use crate::distribution::Builder;
use crate::observe::clock::Clock;
use crate::observe::metrics::Metrics;
use crate::observe::sinks::{Sink, Sinks};
use crate::pipeline::{ChooseSinks, Edge, EdgeParts, Imports, Invalidations, Kv};
use crate::server::{self, Listening};
use selvedge_runtime::{Compiler, Runtime};
use selvedge_store::{StateError, Store};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// On shutdown, requests under way have this long to finish.
pub const GRACE: Duration = Duration::from_secs(30);

/// How often idle origin connections are looked after, and what unsafe methods invalidated is made durable.
const HOUSEKEEPING: Duration = Duration::from_secs(1);

/// Connections to the admin listener that may wait to be accepted.
const ADMIN_BACKLOG: usize = 128;

/// No key has more variants than this, whatever its cache policy says.
const MAX_VARIANTS: usize = 1000;

/// Where in the durable state this edge's id is kept.
const EDGE_ID: (&str, &[u8]) = ("edge", b"id");

/// Why a host did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration, or something that it names, is wrong.
    #[error("{0}")]
    Configuration(Report),
    /// A port or address can't be listened on.
    #[error(
        "can't listen on {address}: {cause}. Another program may use it: choose another address in the server file, or port 0 for any free one"
    )]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// The system's words.
        cause: io::Error,
    },
    /// There is no admin socket.
    #[error("{0}")]
    Socket(#[from] socket::SocketError),
    /// The store can't be opened.
    #[error("{0}")]
    Store(#[from] selvedge_store::OpenError),
    /// The durable state can't be read.
    #[error("the durable state can't be used: {0}")]
    State(#[from] selvedge_store::StateError),
    /// The plugin runtime can't be started.
    #[error("{0}")]
    Runtime(#[from] selvedge_runtime::RuntimeError),
    /// A background task ended before its time.
    #[error("starting was interrupted")]
    Interrupted,
}

/// How to start.
pub struct Start {
    /// The configuration.
    pub configuration: Reading,
    /// Chooses the sinks of access records for a plan; asked again at each reload.
    pub sinks: ChooseSinks,
    /// The clock; a held one can be moved by the admin listener.
    pub clock: Arc<Clock>,
    /// True if the admin listener moves the clock.
    pub test_clock: bool,
    /// True if a taken port is answered with the next free one.
    pub next_free_port: bool,
    /// The compiler of plugin files.
    pub compiler: Compiler,
}

/// One sink for all requests, whatever the configuration says.
pub fn always(sink: Arc<dyn Sink>) -> ChooseSinks {
    Box::new(move |_| Sinks::all([sink.clone()]))
}

/// A host that serves.
pub struct Running {
    edge: Arc<Edge>,
    deployer: Arc<Deployer>,
    addresses: Vec<SocketAddr>,
    admin: Option<SocketAddr>,
    closing: watch::Sender<bool>,
    serving: JoinHandle<usize>,
    background: Vec<JoinHandle<()>>,
}

/// Starts a host: the store first, which a second process can't open, then plugins, then listeners.
///
/// # Errors
/// [`StartError`]; nothing listens then.
pub async fn start(start: Start) -> Result<Running, StartError> {
    let mut reading = start.configuration;
    let settings = reading.server().map_err(StartError::Configuration)?.clone();
    let store_settings = settings.store.clone();
    let cache_dir = store_settings.dir.join("compiled");
    let metrics = Arc::new(Metrics::new());
    let (clock, figures) = (start.clock.clone(), metrics.clone());
    let held = start.clock.is_held().then(|| start.clock.clone());
    let (store, invalidations, imports, loop_id, runtime, builder, plan, reading) =
        tokio::task::spawn_blocking(move || {
            let store = Store::open(selvedge_store::Config {
                dir: Some(store_settings.dir.clone()),
                memory_bytes: store_settings.memory_bytes,
                disk_bytes: store_settings.disk_bytes,
                max_object_bytes: store_settings.max_object_bytes,
                max_variants: MAX_VARIANTS,
            })?;
            let loop_id = edge_id(&store)?;
            let invalidations = Arc::new(Invalidations::open(store.state())?);
            let kv = Kv::open(store.state())?;
            let imports = Arc::new(Imports::new(kv, invalidations.clone(), clock, figures));
            let runtime = Runtime::new(selvedge_runtime::Options {
                cache_dir: Some(cache_dir),
                compiler: start.compiler,
                wall_clock: held.map(|clock| clock as _),
                ..selvedge_runtime::Options::default()
            })?;
            let builder = Builder::new(runtime.clone(), imports.clone());
            let plan = reading
                .first_plan(&builder)
                .map_err(StartError::Configuration)?;
            Ok::<_, StartError>((
                store,
                invalidations,
                imports,
                loop_id,
                runtime,
                builder,
                plan,
                reading,
            ))
        })
        .await
        .map_err(|_| StartError::Interrupted)??;
    let backlog = settings.max_connections;
    let listeners = listen(&settings.listen, backlog, start.next_free_port)?;
    let admin = settings
        .admin
        .map(|address| listen(&[address], ADMIN_BACKLOG, start.next_free_port))
        .transpose()?
        .and_then(|mut listeners| listeners.pop());
    let socket = socket::bind(&settings.socket)?;
    let edge = Edge::new(EdgeParts {
        plan: Arc::new(plan),
        store,
        invalidations,
        imports,
        runtime,
        clock: start.clock,
        metrics,
        sinks: start.sinks,
        name: settings.edge.clone(),
        loop_id,
    });
    let deployer = Arc::new(Deployer::new(edge.clone(), builder, reading));
    let running = Running::new(edge, deployer, listeners, admin, start.test_clock);
    Ok(running.with(socket))
}

impl Running {
    fn new(
        edge: Arc<Edge>,
        deployer: Arc<Deployer>,
        listeners: Vec<Listening>,
        admin: Option<Listening>,
        test_clock: bool,
    ) -> Running {
        let (closing, closes) = watch::channel(false);
        let addresses = listeners.iter().map(Listening::address).collect();
        let admin_address = admin.as_ref().map(Listening::address);
        let mut background = vec![tokio::spawn(housekeep(edge.clone()))];
        if let Some(admin) = admin {
            background.push(tokio::spawn(admin::serve(
                edge.clone(),
                admin.into_inner(),
                test_clock,
            )));
        }
        Running {
            deployer,
            serving: tokio::spawn(server::serve(edge.clone(), listeners, closes, GRACE)),
            edge,
            addresses,
            admin: admin_address,
            closing,
            background,
        }
    }

    fn with(mut self, socket: socket::Socket) -> Running {
        let serving = socket::serve(self.edge.clone(), socket);
        self.background.push(tokio::spawn(serving));
        self
    }

    /// The host itself.
    pub fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// Where viewers are served.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Where the admin listener is.
    pub fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Puts configurations in force.
    pub fn deployer(&self) -> &Arc<Deployer> {
        &self.deployer
    }

    /// Takes what has changed of the files, on a thread of its own: see [`Deployer::take_files`].
    ///
    /// # Errors
    /// Errors of the server file.
    pub async fn take_files(&self, asked: bool) -> Result<Taken, Report> {
        self.apart(move |deployer| deployer.take_files(asked)).await
    }

    /// Takes a configuration, on a thread of its own: see [`Deployer::take`].
    ///
    /// # Errors
    /// Its errors.
    pub async fn take(&self, config: Config) -> Result<Taken, Report> {
        self.apart(move |deployer| deployer.take(config)).await
    }

    async fn apart(
        &self,
        take: impl FnOnce(&Deployer) -> Result<Taken, Report> + Send + 'static,
    ) -> Result<Taken, Report> {
        let deployer = self.deployer.clone();
        tokio::task::spawn_blocking(move || take(&deployer))
            .await
            .unwrap_or_else(|_| {
                let interrupted = config::Problem::new("reading the configuration was interrupted");
                Err(Report::of(interrupted))
            })
    }

    /// Stops: no new connections, requests under way finish within [`GRACE`], the store is written out. Returns how many
    /// connections had to be cut off.
    pub async fn stop(self) -> usize {
        let _ = self.closing.send(true);
        let cut_off = self.serving.await.unwrap_or(0);
        for task in self.background {
            task.abort();
            // Its end removes the admin socket.
            let _ = task.await;
        }
        self.edge.keep_invalidations().await;
        self.edge.store().flush().await;
        cut_off
    }
}

async fn housekeep(edge: Arc<Edge>) {
    let mut every = tokio::time::interval(HOUSEKEEPING);
    loop {
        every.tick().await;
        edge.plan().close_idle();
        edge.keep_invalidations().await;
    }
}

fn listen(
    addresses: &[SocketAddr],
    backlog: usize,
    next_free_port: bool,
) -> Result<Vec<Listening>, StartError> {
    addresses
        .iter()
        .map(|address| {
            let mut candidate = *address;
            loop {
                match server::bind(candidate, backlog) {
                    Err(e)
                        if next_free_port
                            && e.kind() == io::ErrorKind::AddrInUse
                            && candidate.port() < address.port().saturating_add(100) =>
                    {
                        candidate.set_port(candidate.port() + 1);
                    }
                    bound => {
                        return bound.map_err(|cause| StartError::Listen {
                            address: *address,
                            cause,
                        });
                    }
                }
            }
        })
        .collect()
}

/// This edge's id in CDN-Loop: made at the first start, kept in the durable state.
#[expect(
    clippy::disallowed_methods,
    reason = "a seed that differs from start to start"
)]
fn edge_id(store: &Store) -> Result<String, StartError> {
    let (table, key) = EDGE_ID;
    let kept = match store.state().blocking_get(table, key) {
        Err(StateError::Changed) => None,
        kept => kept?,
    };
    if let Some(id) = kept.and_then(|id| String::from_utf8(id).ok()) {
        return Ok(id);
    }
    let seed = format!("{:?} {}", std::time::SystemTime::now(), std::process::id());
    let id = format!("selvedge-{}", &blake3::hash(seed.as_bytes()).to_hex()[..12]);
    if let Err(error) = store.state().blocking_put(table, key, id.as_bytes()) {
        tracing::error!(
            target: "cache",
            "this edge's id can't be written to the durable state, and the next start gets another: {error}. See that the store's disk works"
        );
    }
    Ok(id)
}
