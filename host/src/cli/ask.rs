//! Asking a running host by its admin socket, which the server file names.

use super::output::complain;
use super::{FAILED, WRONG};
use crate::config;
use bytes::Bytes;
use clap::Args;
use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// How long a host that may not run is waited for.
const MAX_WAIT: Duration = Duration::from_secs(5);

/// Which host is asked.
#[derive(Args)]
pub(super) struct Host {
    /// The server file of the running host
    #[arg(long, short, value_name = "FILE", default_value = "selvedge.toml")]
    config: PathBuf,
}

/// The host's answer, or the exit code after the reason has been said.
pub(super) fn ask<Q: Serialize, A: DeserializeOwned>(
    host: &Host,
    method: Method,
    path: &str,
    question: Option<&Q>,
) -> Result<A, u8> {
    let server = config::load_server(&host.config).map_err(|report| {
        complain(report);
        WRONG
    })?;
    let failed = |words: String| {
        complain(words);
        FAILED
    };
    let body = match question {
        Some(question) => {
            serde_json::to_vec(question).map_err(|error| failed(error.to_string()))?
        }
        None => Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let runtime =
        runtime.map_err(|error| failed(format!("no thread to ask the host with: {error}")))?;
    let (status, answer) = runtime
        .block_on(exchange(&server.socket, method, path, body))
        .map_err(|error| failed(no_host(&host.config, &server.socket, &error)))?;
    if status == StatusCode::OK {
        return serde_json::from_slice(&answer).map_err(|error| {
            failed(format!(
                "the host's answer is not what is meant, is it of another version? {error}"
            ))
        });
    }
    let error: Option<String> = serde_json::from_slice(&answer)
        .ok()
        .and_then(|value: serde_json::Value| Some(value.get("error")?.as_str()?.to_owned()));
    complain(error.unwrap_or_else(|| format!("the host answers {status}")));
    Err(if status == StatusCode::BAD_REQUEST {
        WRONG
    } else {
        FAILED
    })
}

/// The answer of the host that listens on this socket; `None` if there is none, or it says anything else.
pub(super) fn ask_if_it_runs<A: DeserializeOwned>(
    socket: &Path,
    method: Method,
    path: &str,
) -> Option<A> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .ok()?;
    let exchange = exchange(socket, method, path, Vec::new());
    let answer = runtime.block_on(async { tokio::time::timeout(MAX_WAIT, exchange).await });
    let (status, answer) = answer.ok()?.ok()?;
    let is_ok = status == StatusCode::OK;
    is_ok
        .then(|| serde_json::from_slice(&answer).ok())
        .flatten()
}

fn no_host(config: &Path, socket: &Path, error: &io::Error) -> String {
    let (config, socket) = (config.display(), socket.display());
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => format!(
            "no host runs with {config}: nothing listens on {socket}. Start one with `selvedge run --config {config}`, or name the server file of the one that runs with --config"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("the host with {config} runs as another user: only that user may use {socket}")
        }
        _ => format!("the host with {config} does not answer on {socket}: {error}"),
    }
}

async fn exchange(
    socket: &Path,
    method: Method,
    path: &str,
    body: Vec<u8>,
) -> io::Result<(StatusCode, Bytes)> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(io::Error::other)?;
    let connection = tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(io::Error::other)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(io::Error::other)?;
    let status = response.status();
    let body = response
        .into_body()
        .collect()
        .await
        .map_err(io::Error::other)?;
    connection.abort();
    Ok((status, body.to_bytes()))
}
