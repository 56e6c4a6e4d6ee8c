//! Viewers: one connection for each request.

use crate::content::{Policy, RESOURCES};
use crate::message::{Fields, read_head, read_line};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Every request is answered within this time, which passes quickly where the simulation moves the runtime's clock.
const PATIENCE: Duration = Duration::from_secs(200);

/// A viewer's request.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: &'static str,
    pub(crate) resource: usize,
    pub(crate) lang: Option<&'static str>,
    pub(crate) device: Option<&'static str>,
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) cache_control: Option<&'static str>,
    pub(crate) accepts_gzip: bool,
}

impl Ask {
    pub(crate) fn get(resource: usize) -> Ask {
        Ask {
            method: "GET",
            resource,
            lang: None,
            device: None,
            range: None,
            if_range: None,
            if_none_match: None,
            cache_control: None,
            accepts_gzip: false,
        }
    }

    /// The language in which it is answered, and for which device.
    pub(crate) fn lang(&self) -> String {
        RESOURCES[self.resource].variant(self.lang, self.device)
    }

    /// Returns true if it asks for the whole, whatever the viewer has.
    pub(crate) fn is_plain(&self) -> bool {
        self.range.is_none() && self.if_none_match.is_none() && self.cache_control.is_none()
    }

    /// Returns true if the host hands it to the origin without looking for a stored response.
    pub(crate) fn passes_by(&self) -> bool {
        let is_honored = RESOURCES[self.resource].policy == Policy::Honor;
        self.method == "POST" || (is_honored && self.cache_control == Some("no-store"))
    }

    fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: simulation.test\r\nConnection: close\r\n",
            self.method, RESOURCES[self.resource].path
        );
        let fields = [
            ("Accept-Language", self.lang),
            ("X-Device", self.device),
            ("Range", self.range.as_deref()),
            ("If-Range", self.if_range.as_deref()),
            ("If-None-Match", self.if_none_match.as_deref()),
            ("Cache-Control", self.cache_control),
            ("Accept-Encoding", self.accepts_gzip.then_some("gzip")),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                head += &format!("{name}: {value}\r\n");
            }
        }
        if self.method == "POST" {
            head += "Content-Length: 4\r\n\r\nnews";
        } else {
            head += "\r\n";
        }
        head
    }
}

/// The answer that a viewer got.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    /// 0 where the connection ended without a response.
    pub(crate) status: u16,
    pub(crate) fields: Fields,
    pub(crate) body: Vec<u8>,
    /// True if the body came to its end.
    pub(crate) is_complete: bool,
}

impl Answer {
    /// The origin's number of what this is.
    pub(crate) fn sent(&self) -> Option<usize> {
        self.fields.number("x-sent").map(|sent| sent as usize)
    }

    fn cache_status(&self) -> impl Iterator<Item = &str> {
        let value = self.fields.get("cache-status").unwrap_or_default();
        value.split(';').map(str::trim)
    }

    /// Returns true if Cache-Status has this parameter.
    pub(crate) fn says(&self, parameter: &str) -> bool {
        self.cache_status().any(|said| said == parameter)
    }

    /// The value of a parameter of Cache-Status.
    pub(crate) fn said(&self, parameter: &str) -> Option<&str> {
        self.cache_status()
            .find_map(|said| said.strip_prefix(parameter)?.strip_prefix('='))
    }
}

/// Asks and reads the answer to its end. `fetched` becomes true once there is a head that says that the origin was asked.
pub(crate) async fn ask(
    edge: SocketAddr,
    ask: Ask,
    fetched: Arc<AtomicBool>,
) -> Result<Answer, String> {
    tokio::time::timeout(PATIENCE, converse(edge, &ask, &fetched))
        .await
        .map_err(|_| format!("no answer within {PATIENCE:?} to {ask:?}"))?
        .ok_or_else(|| format!("an answer without a length to {ask:?}"))
}

/// Asks, reads some of the body, and leaves.
pub(crate) async fn leave(edge: SocketAddr, ask: Ask, after: usize) {
    let some = async {
        let mut stream = connect(edge, &ask).await?;
        let _ = read_head(&mut stream).await?;
        let mut some = vec![0; after];
        stream.read_exact(&mut some).await.ok()
    };
    let _ = tokio::time::timeout(PATIENCE, some).await;
}

/// Returns when the host has accepted all connections that were made before.
pub(crate) async fn fence(edge: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect(edge).await else {
        return;
    };
    let request = b"GET / HTTP/1.1\r\nHost: nobody.test\r\nConnection: close\r\n\r\n";
    if stream.write_all(request).await.is_ok() {
        let _ = stream.read_to_end(&mut Vec::new()).await;
    }
}

async fn connect(edge: SocketAddr, ask: &Ask) -> Option<BufReader<TcpStream>> {
    let mut stream = TcpStream::connect(edge).await.ok()?;
    stream.set_nodelay(true).ok()?;
    stream.write_all(ask.head().as_bytes()).await.ok()?;
    Some(BufReader::new(stream))
}

async fn converse(edge: SocketAddr, ask: &Ask, fetched: &AtomicBool) -> Option<Answer> {
    let mut stream = connect(edge, ask).await?;
    let Some((line, fields)) = read_head(&mut stream).await else {
        return Some(Answer {
            status: 0,
            fields: Fields::default(),
            body: Vec::new(),
            is_complete: false,
        });
    };
    let status = line.split(' ').nth(1)?.parse().ok()?;
    let mut answer = Answer {
        status,
        fields,
        body: Vec::new(),
        is_complete: true,
    };
    fetched.store(answer.said("fwd").is_some(), Ordering::SeqCst);
    if ask.method == "HEAD" || matches!(status, 204 | 304) {
        return Some(answer);
    }
    answer.is_complete = if answer.fields.get("transfer-encoding").is_some() {
        chunks(&mut stream, &mut answer.body).await.is_some()
    } else {
        let length = answer.fields.number("content-length")?;
        let read = stream.take(length).read_to_end(&mut answer.body).await;
        read.is_ok() && answer.body.len() as u64 == length
    };
    Some(answer)
}

/// Reads a chunked body; `None` where it breaks off.
async fn chunks(stream: &mut BufReader<TcpStream>, body: &mut Vec<u8>) -> Option<()> {
    loop {
        let length = usize::from_str_radix(&read_line(stream).await?, 16).ok()?;
        if length == 0 {
            return Some(());
        }
        let read = stream.take(length as u64).read_to_end(body).await.ok()?;
        if read < length {
            return None;
        }
        read_line(stream).await?;
    }
}
