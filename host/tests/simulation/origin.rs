//! The scripted origin: real connections on loopback, answers as the resources' states say, and a log of what it sent.
//!
//! Each response has `X-Sent` with the number of its entry in the log. Since a cache keeps fields with the response, and
//! takes over those of a confirmation, that number says of anything that a viewer gets when the origin last vouched for it.

use crate::content::{Framing, Mode, RESOURCES, Resource, State, Validator};
use crate::message::{Fields, read_head};
use crate::parts;
use selvedge::observe::clock::Clock;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet};

/// One answer of the origin.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) resource: usize,
    /// All of the request that it may depend on.
    pub(crate) asked: String,
    pub(crate) lang: String,
    pub(crate) version: u64,
    pub(crate) status: u16,
    pub(crate) state: State,
    /// HTTP time when it was sent, in milliseconds.
    pub(crate) at: u64,
    /// When its version was last modified, in milliseconds.
    pub(crate) modified: u64,
    /// Whether the body breaks off.
    pub(crate) is_truncated: bool,
}

/// Where the origin stops and waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gate {
    /// Before it answers.
    Head,
    /// In the middle of the body.
    Body,
}

pub(crate) struct Inner {
    pub(crate) states: Vec<State>,
    pub(crate) log: Vec<Exchange>,
    /// Requests that arrived, for each resource.
    pub(crate) arrived: Vec<u64>,
    /// Requests that got no response, for each resource.
    pub(crate) failed: Vec<u64>,
    /// What should have been one fetch and was more.
    pub(crate) crowds: Vec<String>,
    /// Requests that invalidate, for each resource: those before and after one share no fetch.
    posts: Vec<u64>,
    in_flight: HashMap<String, usize>,
    gate: Option<(usize, Gate)>,
    held: usize,
}

pub(crate) struct Origin {
    shared: Arc<Shared>,
    address: SocketAddr,
    serving: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
    reserved: Option<TcpSocket>,
}

struct Shared {
    inner: Mutex<Inner>,
    changed: watch::Sender<()>,
    clock: Arc<Clock>,
    start: u64,
}

impl Origin {
    pub(crate) async fn start(states: Vec<State>, clock: Arc<Clock>) -> Origin {
        let count = states.len();
        let shared = Arc::new(Shared {
            start: clock.now().0,
            inner: Mutex::new(Inner {
                states,
                log: Vec::new(),
                arrived: vec![0; count],
                posts: vec![0; count],
                failed: vec![0; count],
                crowds: Vec::new(),
                in_flight: HashMap::new(),
                gate: None,
                held: 0,
            }),
            changed: watch::channel(()).0,
            clock,
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let mut origin = Origin {
            shared,
            address,
            serving: None,
            reserved: None,
        };
        origin.serve(listener);
        origin
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.lock()
    }

    pub(crate) fn is_up(&self) -> bool {
        self.serving.is_some()
    }

    /// Ends all connections; new ones are refused.
    pub(crate) async fn down(&mut self) {
        if let Some((stop, serving)) = self.serving.take() {
            let _ = stop.send(());
            let _ = serving.await;
            // Bound but not listening: refuses connections, and nobody else gets the port.
            let socket = TcpSocket::new_v4().expect("a socket");
            socket.set_reuseaddr(true).expect("a socket option");
            socket.bind(self.address).expect("the port that was ours");
            self.reserved = Some(socket);
        }
    }

    pub(crate) fn up(&mut self) {
        if let Some(socket) = self.reserved.take() {
            self.serve(socket.listen(64).expect("a bound socket listens"));
        }
    }

    fn serve(&mut self, listener: TcpListener) {
        let shared = self.shared.clone();
        let (stop, mut stopped) = oneshot::channel();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                tokio::select! {
                    Ok((stream, _)) = listener.accept() => {
                        connections.spawn(shared.clone().connection(stream));
                        while connections.try_join_next().is_some() {}
                    }
                    _ = &mut stopped => break,
                }
            }
            drop(listener);
            connections.shutdown().await;
        });
        self.serving = Some((stop, serving));
    }

    /// From now on requests for this resource stop there.
    pub(crate) fn close_gate(&self, resource: usize, gate: Gate) {
        self.inner().gate = Some((resource, gate));
    }

    pub(crate) fn open_gate(&self) {
        self.inner().gate = None;
        self.shared.changed.send_replace(());
    }

    /// Waits until something is true of the origin, for ten seconds at most; whether it is.
    pub(crate) async fn until(&self, holds: impl Fn(&Inner) -> bool) -> bool {
        let mut changed = self.shared.changed.subscribe();
        let reached = async {
            while !holds(&self.inner()) {
                // It may be about something else that changes, so look again now and then.
                let _ = tokio::time::timeout(Duration::from_millis(2), changed.changed()).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached)
            .await
            .is_ok()
    }
}

impl Inner {
    pub(crate) fn under_way(&self) -> usize {
        self.in_flight.values().sum()
    }

    /// A whole response that was sent twice since this entry of the log, although the first one could be shared and kept.
    pub(crate) fn sent_twice(&self, since: usize) -> Option<&str> {
        let mut seen = HashSet::new();
        let whole = self.log.iter().skip(since).filter(|exchange| {
            RESOURCES[exchange.resource].is_steady
                && exchange.status == 200
                && exchange.asked.starts_with("GET")
        });
        whole
            .map(|exchange| exchange.asked.as_str())
            .find(|asked| !asked.contains("range=") && !seen.insert(*asked))
    }

    /// Whether a request waits at the gate.
    pub(crate) fn is_held(&self) -> bool {
        self.held > 0
    }
}

/// A request under way, counted until it is dropped or answered.
struct InFlight {
    shared: Arc<Shared>,
    key: Option<String>,
}

impl InFlight {
    fn new(shared: &Arc<Shared>, request: &Request) -> InFlight {
        let resource = request.resource;
        let mut inner = shared.lock();
        inner.arrived[resource] += 1;
        // What arrives may have become stale when the clock moves.
        let now = shared.clock.now().0;
        let posts = inner.posts[resource];
        let key = format!("{} after {posts} times POST at {now}", request.key());
        let count = inner.in_flight.entry(key.clone()).or_default();
        *count += 1;
        // Nobody can share what is not stored: a response to HEAD, and a 416.
        let is_unsatisfiable = request.fields.get("range").and_then(parts::first_position)
            >= Some(RESOURCES[resource].size as u64);
        if *count > 1
            && RESOURCES[resource].is_steady
            && request.method == "GET"
            && !is_unsatisfiable
        {
            let crowd = format!("{count} fetches at once: {key}");
            inner.crowds.push(crowd);
        }
        drop(inner);
        shared.changed.send_replace(());
        InFlight {
            shared: shared.clone(),
            key: Some(key),
        }
    }

    fn end(&mut self) {
        if let Some(key) = self.key.take() {
            if let Some(count) = self.shared.lock().in_flight.get_mut(&key) {
                *count -= 1;
            }
            self.shared.changed.send_replace(());
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.end();
    }
}

/// Somebody who waits at the gate.
struct Held<'a>(&'a Shared);

impl Held<'_> {
    fn new(shared: &Shared) -> Held<'_> {
        shared.lock().held += 1;
        shared.changed.send_replace(());
        Held(shared)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.lock().held -= 1;
    }
}

struct Request {
    method: String,
    resource: usize,
    fields: Fields,
}

impl Request {
    fn lang(&self) -> String {
        let varies = RESOURCES[self.resource].varies;
        let lang = self.fields.get("accept-language").filter(|_| varies);
        lang.unwrap_or("none").to_ascii_lowercase()
    }

    /// All that its response may depend on.
    fn key(&self) -> String {
        let mut key = format!(
            "{} {} {}",
            self.method,
            RESOURCES[self.resource].path,
            self.lang()
        );
        for name in [
            "range",
            "if-range",
            "if-none-match",
            "if-modified-since",
            "accept-encoding",
        ] {
            if let Some(value) = self.fields.get(name) {
                key += &format!(" {name}={value}");
            }
        }
        key
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    async fn connection(self: Arc<Self>, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let mut stream = BufReader::new(stream);
        while let Some((line, fields)) = read_head(&mut stream).await {
            let mut words = line.split(' ');
            let method = words.next().unwrap_or_default().to_owned();
            let path = words.next().unwrap_or_default();
            let Some(resource) = Resource::by_path(path) else {
                return;
            };
            if let Some(length) = fields
                .get("content-length")
                .and_then(|length| length.parse().ok())
            {
                let mut body = vec![0; length];
                if stream.read_exact(&mut body).await.is_err() {
                    return;
                }
            }
            let request = Request {
                method,
                resource,
                fields,
            };
            if !self.clone().answer(&request, &mut stream).await {
                return;
            }
        }
    }

    /// Answers; whether the connection goes on.
    async fn answer(self: Arc<Self>, request: &Request, stream: &mut BufReader<TcpStream>) -> bool {
        let mut in_flight = InFlight::new(&self, request);
        self.gate(request.resource, Gate::Head).await;
        let mode = self.lock().states[request.resource].mode;
        match mode {
            Mode::Closes => {
                self.lock().failed[request.resource] += 1;
                in_flight.end();
                return false;
            }
            Mode::Garbage => {
                self.lock().failed[request.resource] += 1;
                in_flight.end();
                let _ = stream.write_all(b"HTTP/1.1 what is this\r\n\r\n").await;
                return false;
            }
            Mode::Good | Mode::Error(_) | Mode::Truncates => {}
        }
        let (exchange, head, body) = self.response(request);
        let whole = framed(&body, exchange.state.framing);
        let breaks_off = exchange.is_truncated;
        let half = if body.is_empty() {
            whole.len()
        } else {
            whole.len() / 2
        };
        let (first, rest) = whole.split_at(half);
        if rest.is_empty() {
            in_flight.end();
        }
        if stream
            .write_all(&[head.as_bytes(), first].concat())
            .await
            .is_err()
        {
            return false;
        }
        if rest.is_empty() {
            return !exchange.state.closes;
        }
        if request.method != "POST" {
            self.gate(request.resource, Gate::Body).await;
        }
        in_flight.end();
        if breaks_off || stream.write_all(rest).await.is_err() {
            return false;
        }
        !exchange.state.closes
    }

    async fn gate(&self, resource: usize, gate: Gate) {
        let mut changed = self.changed.subscribe();
        let closed = |inner: &Inner| inner.gate == Some((resource, gate));
        if !closed(&self.lock()) {
            return;
        }
        let _held = Held::new(self);
        while closed(&self.lock()) {
            let _ = changed.changed().await;
        }
    }

    /// The head and the body of the response, which is logged.
    fn response(&self, request: &Request) -> (Exchange, String, Vec<u8>) {
        let resource = &RESOURCES[request.resource];
        let lang = request.lang();
        let now = self.clock.now().0;
        let mut inner = self.lock();
        let is_unsafe = request.method == "POST";
        let state = &mut inner.states[request.resource];
        if is_unsafe && state.mode == Mode::Good {
            state.version += 1;
        }
        let state = *state;
        inner.posts[request.resource] += u64::from(is_unsafe);
        let modified = self.start - 3_000_000 + state.version * 1000;
        let content = resource.body(&lang, state.version);
        let (status, mut body, more) = match state.mode {
            Mode::Error(status) => (
                status,
                format!("error {status} of {}", inner.log.len()).into_bytes(),
                String::new(),
            ),
            _ if is_unsafe => (200, b"done".to_vec(), String::new()),
            _ if is_confirmed(request, resource, &lang, &state, modified) => {
                (304, Vec::new(), String::new())
            }
            _ => partial(request, resource, &lang, &state, content),
        };
        let is_truncated = state.mode == Mode::Truncates
            && request.method == "GET"
            && status != 304
            && body.len() > 1;
        let exchange = Exchange {
            resource: request.resource,
            asked: request.key(),
            lang: lang.clone(),
            version: state.version,
            status,
            state,
            at: now,
            modified,
            is_truncated,
        };
        let sent = inner.log.len();
        inner.log.push(exchange.clone());
        drop(inner);
        let mut head = format!(
            "HTTP/1.1 {status} Any\r\nDate: {}\r\nX-Sent: {sent}\r\nX-Version: {}\r\nX-Lang: {lang}\r\nCache-Control: {}\r\n{more}",
            http_date(now),
            state.version,
            state.said.field(),
        );
        if resource.varies {
            head += "Vary: Accept-Language\r\n";
        }
        if matches!(status, 200 | 206 | 304) && !is_unsafe {
            if let Some(etag) = resource.etag(&lang, state.version) {
                head += &format!("ETag: {etag}\r\n");
            }
            if resource.validator == Validator::Modified {
                head += &format!("Last-Modified: {}\r\n", http_date(modified));
            }
        }
        if state.age > 0 {
            head += &format!("Age: {}\r\n", state.age);
        }
        if state.closes || is_truncated {
            head += "Connection: close\r\n";
        }
        if status != 304 {
            head += &match state.framing {
                Framing::Chunked if request.method != "HEAD" => {
                    "Transfer-Encoding: chunked\r\n".to_owned()
                }
                _ => format!("Content-Length: {}\r\n", body.len()),
            };
        }
        head += "\r\n";
        if request.method == "HEAD" {
            body.clear();
        }
        (exchange, head, body)
    }
}

/// RFC 9110, section 13.2.2, as far as caches ask.
fn is_confirmed(
    request: &Request,
    resource: &Resource,
    lang: &str,
    state: &State,
    modified: u64,
) -> bool {
    if let Some(asked) = request.fields.get("if-none-match") {
        return resource
            .etag(lang, state.version)
            .is_some_and(|etag| asked.contains(&etag));
    }
    let asked = request.fields.get("if-modified-since");
    resource.validator == Validator::Modified && asked == Some(&http_date(modified))
}

/// The whole, or one range of it.
fn partial(
    request: &Request,
    resource: &Resource,
    lang: &str,
    state: &State,
    content: Vec<u8>,
) -> (u16, Vec<u8>, String) {
    let held = |condition: &str| {
        resource.validator == Validator::Strong
            && resource.etag(lang, state.version).as_deref() == Some(condition)
    };
    let asked = request
        .fields
        .get("range")
        .and_then(|range| range.strip_prefix("bytes="));
    let applies = request.method == "GET" && request.fields.get("if-range").is_none_or(held);
    let Some((first, last)) = asked
        .filter(|_| applies)
        .and_then(|asked| asked.split_once('-'))
    else {
        return (200, content, String::new());
    };
    let length = content.len();
    let (first, last) = match (first.parse::<usize>(), last.parse::<usize>()) {
        (Ok(first), Ok(last)) => (first, last.min(length - 1)),
        (Ok(first), Err(_)) if last.is_empty() => (first, length - 1),
        (Err(_), Ok(count)) if first.is_empty() && count > 0 => {
            (length.saturating_sub(count), length - 1)
        }
        _ => return (200, content, String::new()),
    };
    if first > last {
        return (
            416,
            b"no such range".to_vec(),
            format!("Content-Range: bytes */{length}\r\n"),
        );
    }
    let field = format!("Content-Range: bytes {first}-{last}/{length}\r\n");
    (206, content[first..=last].to_vec(), field)
}

fn framed(body: &[u8], framing: Framing) -> Vec<u8> {
    if framing == Framing::Length || body.is_empty() {
        return body.to_vec();
    }
    let mut framed = Vec::with_capacity(body.len() + 64);
    for chunk in body.chunks(50_000) {
        framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        framed.extend_from_slice(chunk);
        framed.extend_from_slice(b"\r\n");
    }
    framed.extend_from_slice(b"0\r\n\r\n");
    framed
}

fn http_date(milliseconds: u64) -> String {
    httpdate::fmt_http_date(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds))
}
