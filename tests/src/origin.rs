//! A scripted origin: a real socket, a thread for each connection, and a record of everything that arrived.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::answer::{Answer, Part, Sent, Then};
use crate::gate::eventually;
use crate::generated::Generated;
use crate::message::{Fields, Head};
use crate::system;
use crate::wire::{Framing, Wire};

/// The largest part of a request's content that is kept; the rest is only counted and compared.
const KEPT: usize = 1 << 20;

/// A request as the origin saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The request line and the fields.
    pub head: Head,
    /// The first MiB of the content.
    pub content: Vec<u8>,
    /// How long the content was.
    pub content_length: u64,
    /// True if the content was the [`Generated`] one from its first byte on.
    pub is_generated: bool,
    /// The trailer fields.
    pub trailers: Fields,
    /// True if the content arrived whole.
    pub complete: bool,
    /// On which connection it came, counted from 0.
    pub connection: usize,
}

impl Seen {
    /// The method.
    pub fn method(&self) -> &str {
        self.head.word(0)
    }

    /// The target, query included.
    pub fn target(&self) -> &str {
        self.head.word(1)
    }

    /// The target without its query.
    pub fn path(&self) -> &str {
        self.target().split('?').next().unwrap_or_default()
    }

    /// The value of a field, lines joined by `, `.
    pub fn field(&self, name: &str) -> Option<String> {
        self.head.fields.get(name)
    }
}

type Computed = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Clone)]
enum Reply {
    Fixed(Answer),
    Computed(Computed),
}

#[derive(Default)]
struct Shared {
    script: Mutex<HashMap<String, VecDeque<Reply>>>,
    seen: Mutex<Vec<Seen>>,
    received: Mutex<Vec<Arc<Mutex<Vec<u8>>>>>,
    open: Mutex<HashMap<usize, TcpStream>>,
    connections: AtomicUsize,
    sent: AtomicU64,
    broken: AtomicUsize,
    stopped: AtomicBool,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A scripted HTTP/1.1 origin on a free port of the loopback address. It ends with the test.
pub struct Origin {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// The answers of one path, in the order in which they are given; the last one is given again and again.
pub struct Route<'a> {
    origin: &'a Origin,
    path: String,
}

impl Route<'_> {
    /// Forgets what was scripted for this path and answers so.
    pub fn answers(self, answer: Answer) -> Self {
        locked(&self.origin.shared.script).remove(&self.path);
        self.then(answer)
    }

    /// Answers so after the answers before were given once each.
    pub fn then(self, answer: Answer) -> Self {
        self.push(Reply::Fixed(answer))
    }

    /// Answers by what the request says.
    pub fn computes(self, answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Self {
        locked(&self.origin.shared.script).remove(&self.path);
        self.push(Reply::Computed(Arc::new(answer)))
    }

    fn push(self, reply: Reply) -> Self {
        let mut script = locked(&self.origin.shared.script);
        script
            .entry(self.path.clone())
            .or_default()
            .push_back(reply);
        drop(script);
        self
    }
}

/// An address of the loopback interface at which nobody listens.
pub fn nobody_listens() -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener
        .local_addr()
        .expect("a bound socket has an address")
}

impl Origin {
    /// Starts an origin that answers 404 to everything.
    pub fn start() -> Origin {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener
            .local_addr()
            .expect("a bound socket has an address");
        let shared = Arc::new(Shared::default());
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || accept(&listener, &accepting));
        Origin { address, shared }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Scripts the answers to this path, or to this path with this query; `*` stands for every other path.
    pub fn on(&self, path: &str) -> Route<'_> {
        Route {
            origin: self,
            path: path.to_owned(),
        }
    }

    /// The requests so far for this path, or for this path with this query.
    pub fn requests(&self, path: &str) -> Vec<Seen> {
        let all = self.all_requests().into_iter();
        all.filter(|seen| seen.path() == path || seen.target() == path)
            .collect()
    }

    /// The only request so far for this path.
    #[track_caller]
    pub fn request(&self, path: &str) -> Seen {
        let mut requests = self.requests(path);
        assert_eq!(requests.len(), 1, "requests for {path}: {requests:#?}");
        requests.remove(0)
    }

    /// All requests so far, in the order of their heads.
    pub fn all_requests(&self) -> Vec<Seen> {
        locked(&self.shared.seen).clone()
    }

    /// Waits until so many requests for this path have come.
    #[track_caller]
    pub fn wait_for_requests(&self, path: &str, count: usize) {
        eventually("the origin is asked so often", || {
            self.requests(path).len() >= count
        });
    }

    /// The bytes of all connections so far, each up to a MiB.
    pub fn received(&self) -> Vec<Vec<u8>> {
        locked(&self.shared.received)
            .iter()
            .map(|record| locked(record).clone())
            .collect()
    }

    /// How many connections were opened so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// How many connections are open now.
    pub fn open_connections(&self) -> usize {
        locked(&self.shared.open).len()
    }

    /// How many bytes of content went out so far.
    pub fn sent(&self) -> u64 {
        self.shared.sent.load(Ordering::SeqCst)
    }

    /// How many answers could not be sent to their end because the other side had gone.
    pub fn broken(&self) -> usize {
        self.shared.broken.load(Ordering::SeqCst)
    }

    /// Closes the open connections, idle or not; the origin goes on listening.
    pub fn drop_connections(&self) {
        for (_, stream) in locked(&self.shared.open).drain() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Stops listening and closes everything; what was seen stays readable.
    pub fn stop(&self) {
        if !self.shared.stopped.swap(true, Ordering::SeqCst) {
            let _ = TcpStream::connect(self.address);
            self.drop_connections();
        }
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.stop();
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        let _ = stream.set_nodelay(true);
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        if let Ok(copy) = stream.try_clone() {
            locked(&shared.open).insert(number, copy);
        }
        let shared = Arc::clone(shared);
        std::thread::spawn(move || {
            let record = Arc::new(Mutex::new(Vec::new()));
            locked(&shared.received).push(Arc::clone(&record));
            let mut wire = Wire::new(stream).recorded(record);
            let then = converse(&mut wire, &shared, number).unwrap_or(Then::Close);
            // The copy goes first: a reset is sent when the last one is closed.
            locked(&shared.open).remove(&number);
            match then {
                Then::Reset => system::reset(wire.stream),
                _ => drop(wire),
            }
        });
    }
}

/// Answers the requests of one connection until it ends.
fn converse(wire: &mut Wire, shared: &Shared, connection: usize) -> io::Result<Then> {
    while let Some(head) = wire.head()? {
        let seen = receive(wire, shared, head, connection)?;
        let answer = reply(shared, &seen);
        match send(wire, shared, &seen, &answer) {
            Ok(Then::Keep) => {}
            Ok(Then::Silence) => {
                while wire.some(u64::MAX, &mut |_| {})? > 0 {}
                return Ok(Then::Close);
            }
            Ok(then) => return Ok(then),
            Err(error) => {
                shared.broken.fetch_add(1, Ordering::SeqCst);
                return Err(error);
            }
        }
    }
    Ok(Then::Close)
}

/// Records the request when its head is there, and once more when its content is.
fn receive(wire: &mut Wire, shared: &Shared, head: Head, connection: usize) -> io::Result<Seen> {
    let framing = Framing::of_request(&head.fields);
    let mut seen = Seen {
        head,
        content: Vec::new(),
        content_length: 0,
        is_generated: true,
        trailers: Fields::default(),
        complete: false,
        connection,
    };
    let index = {
        let mut all = locked(&shared.seen);
        all.push(seen.clone());
        all.len() - 1
    };
    let mut expected = Generated::new();
    let ended = wire.body(framing, &mut |piece| {
        seen.is_generated = seen.is_generated && expected.matches(piece);
        seen.content_length += piece.len() as u64;
        let room = KEPT.saturating_sub(seen.content.len()).min(piece.len());
        seen.content
            .extend_from_slice(piece.get(..room).unwrap_or_default());
    });
    if let Ok(ended) = &ended {
        seen.trailers = ended.trailers.clone();
        seen.complete = ended.complete;
    }
    locked(&shared.seen)[index] = seen.clone();
    match ended?.complete {
        true => Ok(seen),
        false => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn reply(shared: &Shared, seen: &Seen) -> Answer {
    let mut script = locked(&shared.script);
    let key = [seen.target(), seen.path(), "*"]
        .into_iter()
        .find(|key| script.contains_key(*key));
    let Some(queue) = key.and_then(|key| script.get_mut(key)) else {
        return Answer::status(404).content("the test has scripted no answer for this path");
    };
    let next = if queue.len() > 1 {
        queue.pop_front()
    } else {
        queue.front().cloned()
    };
    drop(script);
    match next {
        Some(Reply::Fixed(answer)) => answer,
        Some(Reply::Computed(compute)) => compute(seen),
        None => Answer::status(404),
    }
}

fn send(wire: &mut Wire, shared: &Shared, seen: &Seen, answer: &Answer) -> io::Result<Then> {
    if let Some(gate) = &answer.before {
        gate.pass();
    }
    if let Some(raw) = &answer.raw {
        wire.write(raw)?;
        return Ok(answer.then);
    }
    for (status, fields) in &answer.interim {
        wire.write(&head(*status, fields))?;
    }
    if answer.conditional && validators_match(seen, answer) {
        wire.write(&head(304, &answer.fields))?;
        return Ok(answer.then);
    }
    let bodiless =
        seen.method() == "HEAD" || answer.status < 200 || [204, 304].contains(&answer.status);
    wire.write(&head(answer.status, &framed(answer)))?;
    if !bodiless {
        send_content(wire, shared, answer)?;
    }
    Ok(answer.then)
}

/// The fields with those of the framing, unless the test said its own.
fn framed(answer: &Answer) -> Fields {
    let mut fields = answer.fields.clone();
    match answer.framing {
        Sent::Chunked => fields.set("Transfer-Encoding", b"chunked"),
        Sent::Length if !fields.has("content-length") && ![204, 304].contains(&answer.status) => {
            let length = |part: &Part| match part {
                Part::Bytes(bytes) => bytes.len() as u64,
                Part::Generated(length) => *length,
                Part::Wait(_) => 0,
            };
            let length: u64 = answer.body.iter().map(length).sum();
            fields.set("Content-Length", length.to_string().as_bytes());
        }
        Sent::Length | Sent::UntilClose => {}
    }
    fields
}

fn send_content(wire: &mut Wire, shared: &Shared, answer: &Answer) -> io::Result<()> {
    let mut left = answer.cut.unwrap_or(u64::MAX);
    // Sends what may be sent of these bytes; false where that is not all.
    let mut piece = |wire: &mut Wire, bytes: &[u8]| -> io::Result<bool> {
        let room = left.min(bytes.len() as u64) as usize;
        let allowed = bytes.get(..room).unwrap_or_default();
        left -= room as u64;
        if !allowed.is_empty() && answer.framing == Sent::Chunked {
            wire.write(format!("{:x}\r\n", allowed.len()).as_bytes())?;
            wire.write(allowed)?;
            wire.write(b"\r\n")?;
        } else {
            wire.write(allowed)?;
        }
        shared
            .sent
            .fetch_add(allowed.len() as u64, Ordering::SeqCst);
        Ok(room == bytes.len())
    };
    for part in &answer.body {
        match part {
            Part::Bytes(bytes) => {
                if !piece(wire, bytes)? {
                    return Ok(());
                }
            }
            Part::Generated(length) => {
                let mut content = Generated::new();
                while content.position() < *length {
                    let most = *length - content.position();
                    if !piece(wire, content.next_piece(most))? {
                        return Ok(());
                    }
                }
            }
            Part::Wait(gate) => {
                gate.pass();
            }
        }
    }
    if answer.framing == Sent::Chunked && answer.cut.is_none() {
        let mut end = b"0\r\n".to_vec();
        answer.trailers.write_to(&mut end);
        end.extend_from_slice(b"\r\n");
        wire.write(&end)?;
    }
    Ok(())
}

fn head(status: u16, fields: &Fields) -> Vec<u8> {
    let mut bytes = format!("HTTP/1.1 {status} {}\r\n", reason(status)).into_bytes();
    fields.write_to(&mut bytes);
    bytes.extend_from_slice(b"\r\n");
    bytes
}

fn reason(status: u16) -> &'static str {
    match status {
        100 => "Continue",
        103 => "Early Hints",
        200 => "OK",
        304 => "Not Modified",
        404 => "Not Found",
        _ => "As Scripted",
    }
}

fn validators_match(seen: &Seen, answer: &Answer) -> bool {
    if let Some(asked) = seen.field("if-none-match") {
        let etag = answer.fields.get("etag").unwrap_or_default();
        // Compared weakly (RFC 9110, section 13.1.2).
        let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        return asked.split(',').any(|one| opaque(one) == opaque(&etag));
    }
    let modified = answer.fields.get("last-modified");
    modified.is_some() && seen.field("if-modified-since") == modified
}
