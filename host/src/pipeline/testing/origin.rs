//! A scripted origin without sockets, that keeps what it was asked.

use super::answer::{Answer, Step};
use super::gate::LIMIT;
use crate::origin::in_memory;
use http::{HeaderMap, HeaderName, HeaderValue};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream};

/// A request as the origin received it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    /// The path and the query.
    pub(crate) target: String,
    pub(crate) fields: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// The number of its connection, from 0.
    pub(crate) connection: usize,
}

impl Seen {
    /// A field's first line, or "".
    pub(crate) fn field(&self, name: &str) -> &str {
        let line = self.fields.get(name);
        line.and_then(|line| line.to_str().ok()).unwrap_or("")
    }
}

type Script = Arc<dyn Fn(&Seen) -> Answer + Send + Sync>;

#[derive(Default)]
struct Shared {
    scripts: Mutex<HashMap<String, Script>>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
    is_down: AtomicBool,
    /// Connections that the host has not closed.
    open: AtomicUsize,
}

/// An origin of this test alone.
pub(crate) struct Origin {
    name: String,
    shared: Arc<Shared>,
}

/// A path of an origin.
pub(crate) struct Route<'o> {
    origin: &'o Origin,
    path: String,
}

impl Route<'_> {
    /// Gives this answer from now on.
    pub(crate) fn answers(self, answer: Answer) {
        self.runs(move |_| answer.clone());
    }

    /// Gives these answers one after the other, and the last one from then on.
    pub(crate) fn answers_in_turn(self, answers: impl IntoIterator<Item = Answer>) {
        let answers: Vec<Answer> = answers.into_iter().collect();
        let next = AtomicUsize::new(0);
        self.runs(move |_| {
            let turn = next.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1);
            answers[turn].clone()
        });
    }

    /// Makes the answer of the request.
    pub(crate) fn runs(self, script: impl Fn(&Seen) -> Answer + Send + Sync + 'static) {
        let mut scripts = self.origin.shared.scripts.lock();
        scripts.insert(self.path, Arc::new(script));
    }
}

impl Origin {
    pub(crate) fn new() -> Origin {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("origin-{number}.test");
        let shared = Arc::<Shared>::default();
        let accepting = shared.clone();
        in_memory::register(
            &name,
            Box::new(move |stream| {
                if accepting.is_down.load(Ordering::SeqCst) {
                    return Err(io::Error::from(io::ErrorKind::ConnectionRefused));
                }
                let number = accepting.connections.fetch_add(1, Ordering::SeqCst);
                accepting.open.fetch_add(1, Ordering::SeqCst);
                let shared = accepting.clone();
                tokio::spawn(async move {
                    let _ = serve(&shared, stream, number).await;
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
                Ok(())
            }),
        );
        Origin { name, shared }
    }

    /// Its host name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A path, without its query.
    pub(crate) fn on(&self, path: &str) -> Route<'_> {
        Route {
            origin: self,
            path: path.to_owned(),
        }
    }

    /// Refuses new connections, or takes them again.
    pub(crate) fn is_down(&self, down: bool) {
        self.shared.is_down.store(down, Ordering::SeqCst);
    }

    /// The requests for a path so far.
    pub(crate) fn requests(&self, path: &str) -> Vec<Seen> {
        let seen = self.shared.seen.lock();
        let of_path = seen
            .iter()
            .filter(|seen| seen.target.split('?').next() == Some(path));
        of_path.cloned().collect()
    }

    /// The number of connections that the host has made.
    pub(crate) fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until a path has been asked for this often.
    pub(crate) async fn asked(&self, path: &str, times: usize) {
        let waiting = async {
            while self.requests(path).len() < times {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(LIMIT, waiting)
            .await
            .expect("the origin is asked");
    }
}

async fn serve(shared: &Shared, stream: DuplexStream, connection: usize) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = read(&mut stream, connection).await? {
        let path = seen.target.split('?').next().unwrap_or("").to_owned();
        let script = shared.scripts.lock().get(&path).cloned();
        let is_head = seen.method == "HEAD";
        shared.seen.lock().push(seen.clone());
        let answer = match script {
            Some(script) => script(&seen),
            None => Answer::new(404, "nothing here"),
        };
        for step in answer.steps(is_head) {
            match step {
                Step::Bytes(bytes) => stream.get_mut().write_all(&bytes).await?,
                Step::Wait(gate) => gate.pass().await,
                Step::Close => return Ok(()),
            }
        }
    }
    Ok(())
}

/// Reads a request; `None` at the end of the connection.
async fn read(stream: &mut BufReader<DuplexStream>, connection: usize) -> io::Result<Option<Seen>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace().map(str::to_owned);
    let (method, target) = (words.next(), words.next());
    let mut fields = HeaderMap::new();
    loop {
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).await?;
        let line = line.trim_ascii_end();
        if line.is_empty() {
            break;
        }
        let colon = line.iter().position(|byte| *byte == b':').unwrap_or(0);
        let name = HeaderName::from_bytes(&line[..colon]).expect("the host sends field names");
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        fields.append(name, value.expect("the host sends field values"));
    }
    let body = body(stream, &fields).await?;
    Ok(Some(Seen {
        method: method.unwrap_or_default(),
        target: target.unwrap_or_default(),
        fields,
        body,
        connection,
    }))
}

async fn body(stream: &mut BufReader<DuplexStream>, fields: &HeaderMap) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    if fields.contains_key("transfer-encoding") {
        loop {
            let mut size = String::new();
            stream.read_line(&mut size).await?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(io::Error::other)?;
            let mut chunk = vec![0; size + 2];
            stream.read_exact(&mut chunk).await?;
            chunk.truncate(size);
            body.extend(chunk);
            if size == 0 {
                return Ok(body);
            }
        }
    }
    let length = fields.get("content-length").map_or("0", |value| {
        value.to_str().expect("the host sends a length")
    });
    body.resize(length.parse().map_err(io::Error::other)?, 0);
    stream.read_exact(&mut body).await?;
    Ok(body)
}
