//! The admin socket: the commands `invalidate`, `cache`, `explain` and `kv` ask a running host here. `API.md` beside this file
//! describes it.
//!
//! It is a Unix socket that only the host's own user can use: the file's mode says so, and every connection's credentials are
//! checked, so that neither a moment without that mode nor a lax folder opens it.
#![expect(
    clippy::disallowed_methods,
    reason = "the socket is made and removed at start and stop"
)]

use super::connections::{Busy, Connections};
use crate::pipeline::Edge;
use crate::pipeline::insight::{self, KvRange, Refused};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, HeaderValue};
use http::{Method, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::Permissions;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Semaphore;

/// The path of key-value data; the distribution's id follows.
const KV: &str = "/v1/kv/";

/// Largest question, in bytes: 3000 paths of 4000 characters are 12 MB.
const MAX_BODY: usize = 16 << 20;

/// Largest change of key-value data, in bytes.
const MAX_KV_BODY: usize = 64 << 20;

/// The timeout of a question's or a change's body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Commands that are carried out at once; further ones wait.
const MAX_COMMANDS: usize = 16;

/// Why there is no admin socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Another program listens there.
    #[error(
        "another program listens on {0}, probably another host. Give each host its own `socket` in its server file"
    )]
    Taken(PathBuf),
    /// Something is there that is no socket.
    #[error("{0} exists and is no socket. Remove it, or name another `socket` in the server file")]
    NoSocket(PathBuf),
    /// The system refuses.
    #[error(
        "can't listen on the admin socket {path}: {cause}. `socket` in the server file names another path; socket paths are at most some 100 characters long"
    )]
    Io {
        /// The configured path.
        path: PathBuf,
        /// The system's words.
        cause: io::Error,
    },
}

/// A listening admin socket. Its file goes when this is dropped.
pub struct Socket {
    path: PathBuf,
    listener: UnixListener,
}

/// The socket's file, which is removed at the end.
struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Listens at this path. A socket that a killed host left there is replaced. Call it within a tokio runtime.
///
/// # Errors
/// [`SocketError`].
pub fn bind(path: &Path) -> Result<Socket, SocketError> {
    let io = |cause| SocketError::Io {
        path: path.to_owned(),
        cause,
    };
    match std::fs::symlink_metadata(path) {
        Ok(found) if !found.file_type().is_socket() => {
            return Err(SocketError::NoSocket(path.to_owned()));
        }
        Ok(_) if std::os::unix::net::UnixStream::connect(path).is_ok() => {
            return Err(SocketError::Taken(path.to_owned()));
        }
        Ok(_) => std::fs::remove_file(path).map_err(io)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(io(error)),
    }
    let listener = UnixListener::bind(path).map_err(io)?;
    std::fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(io)?;
    Ok(Socket {
        path: path.to_owned(),
        listener,
    })
}

/// Serves commands for as long as the host runs; the socket's file goes when its task is ended.
pub async fn serve(edge: Arc<Edge>, socket: Socket) {
    let _file = SocketFile(socket.path);
    let commands = Arc::new(Semaphore::new(MAX_COMMANDS));
    let mut connections = Connections::default();
    loop {
        let stream = match socket.listener.accept().await {
            Ok((stream, _)) if is_own(&stream) => stream,
            Ok(_) => continue,
            Err(_) => {
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let (edge, commands) = (edge.clone(), commands.clone());
        connections.serve(|busy| {
            super::http1(stream, move |request| {
                let (edge, commands, busy) = (edge.clone(), commands.clone(), busy.clone());
                async move { take(&edge, &commands, &busy, request).await }
            })
        });
    }
}

/// Returns true if the other side is this host's user, or root.
fn is_own(stream: &UnixStream) -> bool {
    let own = rustix::process::geteuid().as_raw();
    stream
        .peer_cred()
        .is_ok_and(|peer| peer.uid() == own || peer.uid() == 0)
}

/// Takes one command: its body is read first, however slowly it comes, then it is carried out in its turn.
async fn take(
    edge: &Arc<Edge>,
    commands: &Semaphore,
    busy: &Busy,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let max = match head.uri.path().starts_with(KV) {
        true => MAX_KV_BODY,
        false => MAX_BODY,
    };
    let body = match read(body, max).await {
        Ok(body) => body,
        Err(refused) => return refusal(&refused),
    };
    let _answering = busy.begin();
    // The semaphore is never closed.
    let _turn = commands.acquire().await;
    answer(edge, &head.method, &head.uri, &body).await
}

async fn answer(
    edge: &Arc<Edge>,
    method: &Method,
    uri: &Uri,
    body: &Bytes,
) -> Response<Full<Bytes>> {
    let outcome = match (method, uri.path()) {
        (&Method::POST, "/v1/invalidations") => invalidate(edge, body).await,
        (&Method::POST, "/v1/explain") => explain(edge, body).await,
        (&Method::GET, "/v1/distributions") => {
            Ok(json(StatusCode::OK, &insight::distributions(edge)))
        }
        (&Method::GET, "/v1/cache/stats") => Ok(json(StatusCode::OK, &insight::stats(edge).await)),
        (&Method::GET, "/v1/cache") => list(edge, uri.query()).await,
        (&Method::GET, path) if path.starts_with(KV) => kv_asked(edge, path, uri.query()),
        (&Method::POST, path) if path.starts_with(KV) => kv_changed(edge, path, body).await,
        (_, "/v1/invalidations" | "/v1/explain") => return not_allowed("POST"),
        (_, "/v1/cache" | "/v1/cache/stats" | "/v1/distributions") => return not_allowed("GET"),
        (_, path) if path.starts_with(KV) => return not_allowed("GET or POST"),
        _ => Err(Refused::Unknown(
            "there is POST /v1/invalidations, GET /v1/cache?url=URL, GET /v1/cache/stats, POST /v1/explain, GET /v1/distributions, and GET and POST /v1/kv/DISTRIBUTION here"
                .to_owned(),
        )),
    };
    outcome.unwrap_or_else(|refused| refusal(&refused))
}

fn refusal(refused: &Refused) -> Response<Full<Bytes>> {
    let status = match refused {
        Refused::Wrong(_) => StatusCode::BAD_REQUEST,
        Refused::Unknown(_) => StatusCode::NOT_FOUND,
        Refused::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
    };
    error(status, &refused.to_string())
}

/// An answer, or why there is none.
type Outcome = Result<Response<Full<Bytes>>, Refused>;

async fn invalidate(edge: &Arc<Edge>, body: &Bytes) -> Outcome {
    let done = insight::invalidate(edge, &parsed(body)?).await?;
    Ok(json(StatusCode::OK, &done))
}

async fn explain(edge: &Arc<Edge>, body: &Bytes) -> Outcome {
    let explanation = insight::explain(edge, &parsed(body)?).await?;
    Ok(json(StatusCode::OK, &explanation))
}

async fn list(edge: &Arc<Edge>, query: Option<&str>) -> Outcome {
    let listing = insight::list(edge, &url_of(query)?).await?;
    Ok(json(StatusCode::OK, &listing))
}

async fn read(body: Incoming, max: usize) -> Result<Bytes, Refused> {
    let body = Limited::new(body, max).collect();
    let body = tokio::time::timeout(BODY_TIMEOUT, body).await;
    let body = body
        .map_err(|_| Refused::Wrong("the body did not come in time".to_owned()))?
        .map_err(|_| {
            Refused::Wrong(format!("the body breaks off or is longer than {max} bytes"))
        })?;
    Ok(body.to_bytes())
}

fn parsed<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refused> {
    serde_json::from_slice(body)
        .map_err(|error| Refused::Wrong(format!("the body is not the JSON that is meant: {error}")))
}

/// One value, or some keys.
fn kv_asked(edge: &Edge, path: &str, query: Option<&str>) -> Outcome {
    let distribution = decoded(path.strip_prefix(KV).unwrap_or_default())?;
    let mut range = KvRange::default();
    let mut key = None;
    for (name, value) in parameters(query)? {
        match name {
            "key" => key = Some(value),
            "prefix" => range.prefix = value,
            "after" => range.after = Some(value),
            _ => {
                return Err(Refused::Wrong(
                    "it takes `key`, or `prefix` and `after`, percent-encoded".to_owned(),
                ));
            }
        }
    }
    match key {
        Some(key) => {
            insight::kv_get(edge, &distribution, &key).map(|found| json(StatusCode::OK, &found))
        }
        None => insight::kv_list(edge, &distribution, &range)
            .map(|listing| json(StatusCode::OK, &listing)),
    }
}

async fn kv_changed(edge: &Edge, path: &str, body: &Bytes) -> Outcome {
    let distribution = decoded(path.strip_prefix(KV).unwrap_or_default())?;
    let total = insight::kv_change(edge, &distribution, parsed(body)?).await?;
    Ok(json(StatusCode::OK, &total))
}

/// The URL that a listing is asked for.
fn url_of(query: Option<&str>) -> Result<String, Refused> {
    match parameters(query)?.as_mut_slice() {
        [("url", value)] => Ok(std::mem::take(value)),
        _ => Err(Refused::Wrong(
            "it takes one parameter: GET /v1/cache?url=URL, percent-encoded".to_owned(),
        )),
    }
}

/// The parameters of a query, with their values percent-decoded.
fn parameters(query: Option<&str>) -> Result<Vec<(&str, String)>, Refused> {
    let pairs = query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((name, decoded(value)?))
        })
        .collect()
}

/// Percent-decoded text.
fn decoded(value: &str) -> Result<String, Refused> {
    let wrong = || {
        Refused::Wrong(format!(
            "'{}' is not percent-encoded UTF-8",
            value.escape_debug()
        ))
    };
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let digits = after
            .get(..2)
            .filter(|digits| digits.iter().all(u8::is_ascii_hexdigit))
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .ok_or_else(wrong)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| wrong())?);
        rest = after.get(2..).unwrap_or_default();
    }
    String::from_utf8(bytes).map_err(|_| wrong())
}

fn not_allowed(method: &'static str) -> Response<Full<Bytes>> {
    let mut response = error(
        StatusCode::METHOD_NOT_ALLOWED,
        &format!("the method here is {method}"),
    );
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(method));
    response
}

fn error(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    json(status, &serde_json::json!({ "error": words }))
}

fn json(status: StatusCode, value: &impl Serialize) -> Response<Full<Bytes>> {
    let (status, body) = match serde_json::to_vec(value) {
        Ok(body) => (status, body),
        Err(_) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            b"{\"error\":\"the answer can't be written\"}".to_vec(),
        ),
    };
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
