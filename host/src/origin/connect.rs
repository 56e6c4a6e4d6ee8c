//! A new connection: resolve, connect, TLS, HTTP/1.1 handshake, within the connection timeout.

use super::address::is_public;
use super::head::Rules;
use super::pool::Connection;
use super::watched::Watched;
use super::{Origin, OriginError, Reach};
use crate::config;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// Makes one connection; one attempt, bounded by the origin's connection timeout.
pub(crate) async fn connect(origin: &Origin, secure: bool) -> Result<Connection, OriginError> {
    let settings = origin.settings();
    let port = if secure {
        settings.https_port
    } else {
        settings.http_port
    };
    let address = format!("{}:{port}", settings.domain);
    let limit = settings.connection_timeout;
    match tokio::time::timeout(limit, open(origin, &address, port, secure)).await {
        Ok(result) => result,
        Err(_) => Err(OriginError::ConnectTimeout {
            address,
            after: limit,
        }),
    }
}

async fn open(
    origin: &Origin,
    address: &str,
    port: u16,
    secure: bool,
) -> Result<Connection, OriginError> {
    let name = origin.settings().domain.trim_matches(['[', ']']);
    #[cfg(test)]
    if let Some(connected) = super::in_memory::connect(name) {
        let stream = connected.map_err(|e| OriginError::NotConnected {
            address: address.to_owned(),
            cause: e.to_string(),
        })?;
        return handshake(origin.settings(), stream).await;
    }
    let mut candidates =
        tokio::net::lookup_host((name, port))
            .await
            .map_err(|e| OriginError::UnknownName {
                name: name.to_owned(),
                cause: e.to_string(),
            })?;
    let not_connected = |cause: String| OriginError::NotConnected {
        address: address.to_owned(),
        cause,
    };
    let mut last = not_connected("the name has no address".to_owned());
    let stream = loop {
        let Some(candidate) = candidates.next() else {
            return Err(last);
        };
        if origin.reach == Reach::PublicOnly && !is_public(candidate.ip()) {
            last = OriginError::Denied {
                address: candidate.ip(),
            };
            continue;
        }
        match TcpStream::connect(candidate).await {
            Ok(stream) => break stream,
            Err(e) => last = not_connected(e.to_string()),
        }
    };
    let _ = stream.set_nodelay(true);
    if !secure {
        return handshake(origin.settings(), stream).await;
    }
    let tls = |cause: String| OriginError::Tls {
        address: address.to_owned(),
        cause,
    };
    let server = ServerName::try_from(name.to_owned()).map_err(|e| tls(e.to_string()))?;
    let stream = TlsConnector::from(origin.tls.config.clone())
        .connect(server, stream)
        .await
        .map_err(|e| tls(e.to_string()))?;
    handshake(origin.settings(), stream).await
}

async fn handshake<S>(settings: &config::Origin, stream: S) -> Result<Connection, OriginError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let max_fields = settings.max_response_fields;
    let rules = Rules {
        max_fields,
        lenient: settings.lenient_framing,
    };
    let (stream, exchange) = Watched::new(stream, rules);
    let (sender, connection) = hyper::client::conn::http1::Builder::new()
        .max_headers(max_fields)
        // RFC 9112, section 5.1: white space before the colon is removed from a response.
        .allow_spaces_after_header_name_in_responses(true)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(|e| OriginError::Closed(e.to_string()))?;
    tokio::spawn(async move {
        // Its errors reach the request that waits for a response; an idle connection that ends is no event.
        let _ = connection.with_upgrades().await;
    });
    Ok(Connection::new(sender, exchange))
}
