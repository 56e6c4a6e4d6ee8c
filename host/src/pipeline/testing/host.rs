//! A host in this process, and what viewers ask of it.

use super::gate::LIMIT;
use super::plugin::{At, Says, plugin};
use super::{Origin, Response};
use crate::config;
use crate::deploy::Reading;
use crate::distribution::Builder as Distributions;
use crate::observe::access::Record;
use crate::observe::clock::Clock;
use crate::observe::metrics::Metrics;
use crate::observe::sinks::{Sink, Sinks};
use crate::pipeline::{
    self, BodyError, Delivery, Edge, EdgeParts, Imports, Invalidations, Kv, Tunnel, Viewer,
};
use crate::viewer_body::{ViewerBody, ViewerBodyError};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use parking_lot::Mutex;
use selvedge_caching::cache_status::CacheStatus;
use selvedge_runtime::{Options, Runtime};
use selvedge_store::Store;
use std::fmt::Write;
use std::sync::{Arc, OnceLock};
use tempfile::TempDir;

const SERVER: &str = r#"
access_log = false

[store]
path = "store"
memory = "8 MiB"
disk = "64 MiB"
"#;

/// A host that is being configured.
pub(crate) struct Builder {
    origins: String,
    /// Keys of the default behavior, in front of everything else.
    behavior: String,
    /// Other tables of the distribution's file.
    tables: String,
    server: String,
    /// The file of a plugin.
    plugin: Option<Vec<u8>>,
}

/// A host in front of scripted origins.
pub(crate) struct Host {
    edge: Arc<Edge>,
    records: Arc<Records>,
    _dir: TempDir,
}

/// A finished access record, as far as tests ask.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    pub(crate) status: StatusCode,
    pub(crate) cache: Option<CacheStatus>,
    pub(crate) reason: Option<String>,
    pub(crate) sent: u64,
    pub(crate) aborted: bool,
}

#[derive(Default)]
struct Records(Mutex<Vec<Line>>);

impl Sink for Records {
    fn record(&self, record: &Record) {
        self.0.lock().push(Line {
            status: record.status.unwrap_or_default(),
            cache: record.cache.clone(),
            reason: record.reason.map(|reason| reason.to_string()),
            sent: record.sent,
            aborted: record.aborted,
        });
    }
}

/// A connection that may ask to leave HTTP, and can't.
struct Closed;

impl Tunnel for Closed {
    fn open(&self) -> bool {
        false
    }
}

/// One engine for all tests: it is the part of a host that takes longest to start.
fn runtime() -> Arc<Runtime> {
    static RUNTIME: OnceLock<Arc<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let options = Options {
            max_instances: 8,
            ..Options::default()
        };
        Runtime::new(options).expect("the engine starts")
    });
    runtime.clone()
}

impl Builder {
    /// Keys of the default behavior, as lines of TOML.
    pub(crate) fn behavior(mut self, lines: &str) -> Builder {
        let _ = writeln!(self.behavior, "{lines}");
        self
    }

    /// The cache policy of the default behavior, as the inside of an inline table.
    pub(crate) fn cache(self, policy: &str) -> Builder {
        self.behavior(&format!("cache = {{ {policy} }}"))
    }

    /// More tables of the distribution's file.
    pub(crate) fn tables(mut self, tables: &str) -> Builder {
        let _ = writeln!(self.tables, "{tables}");
        self
    }

    /// One more origin, with this id.
    pub(crate) fn also(mut self, id: &str, origin: &Origin) -> Builder {
        self.origins.push_str(&table(id, origin));
        self
    }

    /// A plugin with one hook in the default behavior. `on_error` is what its failures mean.
    pub(crate) fn plugin(mut self, at: At, says: Says, on_error: &str) -> Builder {
        self.plugin = Some(plugin(at, says));
        let _ = write!(
            self.tables,
            "\n[[plugins]]\nname = \"made\"\nfile = \"../made.wasm\"\non_error = \"{on_error}\"\n"
        );
        self.behavior("plugins = [\"made\"]")
    }

    /// Keys of the server file, in front of its tables.
    pub(crate) fn server(mut self, lines: &str) -> Builder {
        self.server = format!("{lines}\n{}", self.server);
        self
    }

    /// Starts it.
    pub(crate) fn start(self) -> Host {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let distributions = dir.path().join("distributions");
        std::fs::create_dir(&distributions).expect("a new folder");
        std::fs::write(dir.path().join("selvedge.toml"), &self.server).expect("a new file");
        if let Some(plugin) = &self.plugin {
            std::fs::write(dir.path().join("made.wasm"), plugin).expect("a new file");
        }
        let distribution = format!(
            "id = \"shop\"\naliases = [\"shop.test\"]\n{}\n[default_behavior]\norigin = \"main\"\n{}\n{}",
            self.origins, self.behavior, self.tables
        );
        std::fs::write(distributions.join("shop.toml"), distribution).expect("a new file");
        let config = config::load(&dir.path().join("selvedge.toml"))
            .unwrap_or_else(|report| panic!("the configuration is refused:\n{report}"));
        let records = Arc::<Records>::default();
        Host {
            edge: edge(config, records.clone()),
            records,
            _dir: dir,
        }
    }
}

fn edge(config: config::Config, sink: Arc<dyn Sink>) -> Arc<Edge> {
    let settings = &config.server.store;
    let store = Store::open(selvedge_store::Config {
        dir: Some(settings.dir.clone()),
        memory_bytes: settings.memory_bytes,
        disk_bytes: settings.disk_bytes,
        max_object_bytes: settings.max_object_bytes,
        max_variants: 1000,
    })
    .expect("the store opens");
    let (clock, metrics) = (Arc::new(Clock::held()), Arc::new(Metrics::new()));
    let invalidations = Arc::new(Invalidations::open(store.state()).expect("a new state"));
    let kv = Kv::open(store.state()).expect("a new state");
    let imports = Arc::new(Imports::new(
        kv,
        invalidations.clone(),
        clock.clone(),
        metrics.clone(),
    ));
    let runtime = runtime();
    let distributions = Distributions::new(runtime.clone(), imports.clone());
    let plan = Reading::from(config)
        .first_plan(&distributions)
        .unwrap_or_else(|report| panic!("the plan is refused:\n{report}"));
    Edge::new(EdgeParts {
        plan: Arc::new(plan),
        store,
        invalidations,
        imports,
        runtime,
        clock,
        metrics,
        sinks: Box::new(move |_| Sinks::all([sink.clone()])),
        name: "edge.test".to_owned(),
        loop_id: "loop-of-this-edge".to_owned(),
    })
}

fn table(id: &str, origin: &Origin) -> String {
    format!(
        "\n[[origins]]\nid = \"{id}\"\ndomain = \"{}\"\nprotocol = \"http-only\"\nconnection_attempts = 1\n",
        origin.name()
    )
}

impl Host {
    /// A host that has this origin as `main`.
    pub(crate) fn before(origin: &Origin) -> Builder {
        Builder {
            origins: table("main", origin),
            behavior: String::new(),
            tables: String::new(),
            server: SERVER.to_owned(),
            plugin: None,
        }
    }

    pub(crate) fn edge(&self) -> &Arc<Edge> {
        &self.edge
    }

    /// Moves HTTP time on.
    pub(crate) fn advance(&self, seconds: u64) {
        self.edge.clock().advance(seconds * 1000);
    }

    /// The access lines so far.
    pub(crate) fn lines(&self) -> Vec<Line> {
        self.records.0.lock().clone()
    }

    /// The access line of the last request that ended.
    pub(crate) fn last_line(&self) -> Line {
        self.lines().pop().expect("a request has ended")
    }

    /// Asks for a path and reads the whole answer.
    pub(crate) async fn get(&self, path: &str) -> Response {
        self.ask(get(path)).await
    }

    /// Asks and reads the whole answer.
    pub(crate) async fn ask(&self, ask: Ask) -> Response {
        let answer = self.begin(ask).await;
        tokio::time::timeout(LIMIT, finish(answer))
            .await
            .expect("the response ends")
    }

    /// Asks and returns when the head is there.
    pub(crate) async fn begin(&self, ask: Ask) -> http::Response<Delivery> {
        let viewer = Viewer {
            tunnel: Some(Arc::new(Closed)),
            ..Viewer::plain(([192, 0, 2, 1], 1234).into())
        };
        let answer = pipeline::handle(&self.edge, &viewer, ask.0);
        match tokio::time::timeout(LIMIT, answer).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) => panic!("a head comes"),
        }
    }

    /// Asks in a task of its own.
    pub(crate) fn spawn(self: &Arc<Self>, ask: Ask) -> tokio::task::JoinHandle<Response> {
        let host = self.clone();
        tokio::spawn(async move { host.ask(ask).await })
    }

    /// Waits until no fetch is under way apart from its viewer.
    pub(crate) async fn idle(&self) {
        let waiting = async {
            while self.edge.tasks_under_way() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, waiting)
            .await
            .expect("fetches end");
    }
}

/// Reads a response to its end.
pub(crate) async fn finish(answer: http::Response<Delivery>) -> Response {
    let (head, mut body) = answer.into_parts();
    let mut response = Response {
        status: head.status,
        fields: head.headers,
        content: Vec::new(),
        trailers: None,
        error: None,
    };
    while let Some(frame) = body.frame().await {
        let frame: Result<Frame<Bytes>, BodyError> = frame;
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => response.content.extend_from_slice(&data),
            Ok(Err(frame)) => response.trailers = frame.into_trailers().ok(),
            Err(error) => {
                response.error = Some(error.to_string());
                break;
            }
        }
    }
    response
}

/// A request of a viewer.
pub(crate) struct Ask(Request<ViewerBody>);

/// A GET of a path at `shop.test`.
pub(crate) fn get(path: &str) -> Ask {
    let mut request = Request::new(ViewerBody::empty());
    *request.uri_mut() = path.parse().expect("a target");
    let host = HeaderValue::from_static("shop.test");
    request.headers_mut().insert(http::header::HOST, host);
    Ask(request)
}

impl Ask {
    pub(crate) fn method(mut self, method: &Method) -> Ask {
        *self.0.method_mut() = method.clone();
        self
    }

    /// One more field line.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Ask {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        let value = HeaderValue::from_bytes(value.as_bytes()).expect("a value");
        let fields: &mut HeaderMap = self.0.headers_mut();
        match name == http::header::HOST {
            true => drop(fields.insert(name, value)),
            false => drop(fields.append(name, value)),
        }
        self
    }

    /// Content in these pieces; an error ends it early.
    pub(crate) fn content(
        mut self,
        pieces: impl IntoIterator<Item = Result<&'static str, &'static str>>,
    ) -> Ask {
        let frames: Vec<Result<Frame<Bytes>, ViewerBodyError>> = pieces
            .into_iter()
            .map(|piece| match piece {
                Ok(data) => Ok(Frame::data(Bytes::from_static(data.as_bytes()))),
                Err(error) => Err(error.into()),
            })
            .collect();
        *self.0.body_mut() = ViewerBody::new(StreamBody::new(futures_util::stream::iter(frames)));
        self
    }
}
