//! The viewer of a scenario: each request on a connection of its own.

use crate::config::scenario::Ask;
use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;

/// Asks the host for its cache key.
const DEBUG: &str = "selvedge-debug";

/// A response as the viewer got it.
pub(super) struct Got {
    pub(super) status: StatusCode,
    pub(super) fields: HeaderMap,
    pub(super) body: Bytes,
    /// True if the body ended before its time.
    pub(super) is_broken: bool,
}

/// Asks, and reads the response to its end.
pub(super) async fn ask(
    address: SocketAddr,
    host: &str,
    ask: &Ask,
    for_key: bool,
) -> Result<Got, String> {
    let words = |error: &dyn std::fmt::Display| format!("the host gives no response: {error}");
    let stream = tokio::net::TcpStream::connect(address)
        .await
        .map_err(|error| words(&error))?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| words(&error))?;
    // It ends with the response, which says all that there is to say.
    let connection = tokio::spawn(connection);
    let request = request(host, ask, for_key)?;
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| words(&error))?;
    let (head, body) = response.into_parts();
    let (body, is_broken) = collect(body).await;
    drop(sender);
    connection.abort();
    Ok(Got {
        status: head.status,
        fields: head.headers,
        body,
        is_broken,
    })
}

fn request(host: &str, ask: &Ask, for_key: bool) -> Result<Request<Full<Bytes>>, String> {
    let mut request = Request::new(Full::new(ask.body.clone()));
    *request.method_mut() = ask.method.clone();
    *request.uri_mut() = ask.target.clone();
    let fields = request.headers_mut();
    fields.clone_from(&ask.fields);
    if !fields.contains_key(HOST) {
        let host = HeaderValue::from_str(host).map_err(|error| error.to_string())?;
        fields.insert(HOST, host);
    }
    fields.insert(CONNECTION, HeaderValue::from_static("close"));
    if for_key {
        fields.insert(DEBUG, HeaderValue::from_static("key"));
    }
    Ok(request)
}

async fn collect(mut body: Incoming) -> (Bytes, bool) {
    let mut whole = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame.map(|frame| frame.into_data()) {
            Ok(Ok(data)) => whole.extend_from_slice(&data),
            // A trailer section is nothing that scenarios look at.
            Ok(Err(_)) => {}
            Err(_) => return (whole.freeze(), true),
        }
    }
    (whole.freeze(), false)
}
