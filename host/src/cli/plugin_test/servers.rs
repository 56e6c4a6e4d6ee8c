//! The scripted servers of a scenario: its origins and backends, speaking HTTP/1.1 on this machine.

use crate::config::scenario::Scripted;
use crate::observe::clock::Clock;
use bytes::Bytes;
use http::header::{CONTENT_TYPE, DATE, HeaderValue};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};

/// No request's body is read further.
const MAX_BODY: usize = 64 << 20;

/// A request that an origin got.
#[derive(Clone)]
pub(super) struct Seen {
    /// The origin's id.
    pub(super) origin: String,
    pub(super) request: Request<Bytes>,
}

/// The requests that the origins of a scenario got, in their order.
pub(super) type Requests = Arc<Mutex<Vec<Seen>>>;

/// A server that listens until this is dropped.
pub(super) struct Server {
    pub(super) port: u16,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The state that all connections of a server share.
struct Shared {
    script: Scripted,
    clock: Arc<Clock>,
    /// Where an origin's requests go; those of backends are the plugin's own.
    requests: Option<Requests>,
}

impl Server {
    pub(super) async fn start(
        script: &Scripted,
        clock: &Arc<Clock>,
        requests: Option<&Requests>,
    ) -> std::io::Result<Server> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            script: script.clone(),
            clock: clock.clone(),
            requests: requests.cloned(),
        });
        let task = tokio::spawn(serve(listener, shared));
        Ok(Server { port, task })
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    // Ends its connections when it is dropped.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        while connections.try_join_next().is_some() {}
        let shared = shared.clone();
        connections.spawn(async move {
            let service = service_fn(move |request| answer(shared.clone(), request));
            // A host that hangs up is no error of the script.
            let _ = http1::Builder::new()
                .auto_date_header(false)
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the script breaks the connection")]
struct Breaks;

async fn answer(
    shared: Arc<Shared>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Breaks> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await;
    let body = body.map_err(|_| Breaks)?.to_bytes();
    let request = Request::from_parts(head, body);
    let response = respond(&shared, &request);
    if let Some(requests) = &shared.requests {
        requests.lock().push(Seen {
            origin: shared.script.name.value.clone(),
            request,
        });
    }
    response
}

fn respond(shared: &Shared, request: &Request<Bytes>) -> Result<Response<Full<Bytes>>, Breaks> {
    let mut response = match shared.script.answer(request) {
        Some(answer) if answer.breaks => return Err(Breaks),
        Some(answer) => {
            let mut response = Response::new(Full::new(answer.body.clone()));
            *response.status_mut() = answer.status;
            *response.headers_mut() = answer.fields.clone();
            response
        }
        None => {
            let mut response = Response::new(Full::new("no answer is scripted for this".into()));
            *response.status_mut() = StatusCode::NOT_FOUND;
            let plain = HeaderValue::from_static("text/plain");
            response.headers_mut().insert(CONTENT_TYPE, plain);
            response
        }
    };
    // The scenario's time, not the system's: ages count from it.
    let now = httpdate::fmt_http_date(shared.clock.now().to_system());
    if let Ok(now) = HeaderValue::from_str(&now) {
        response.headers_mut().entry(DATE).or_insert(now);
    }
    Ok(response)
}
