//! The origin's side of one connection.

use super::request::{InFlight, Request};
use super::response::framed;
use super::{Gate, Inner, Shared};
use crate::content::Resource;
use crate::message::read_head;
use crate::state::Mode;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

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

/// A request that gets no answer, or not all of it.
struct Hanging<'a>(&'a Shared);

impl Hanging<'_> {
    fn new(shared: &Shared) -> Hanging<'_> {
        shared.lock().hanging += 1;
        shared.changed.send_replace(());
        Hanging(shared)
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.0.lock().hanging -= 1;
    }
}

impl Shared {
    pub(super) async fn connection(self: Arc<Self>, stream: TcpStream) {
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
        if self.hangs(request, Gate::Head, stream).await {
            return false;
        }
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
        let (exchange, head, body) = self.response(request, in_flight.arrival);
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
        if self.hangs(request, Gate::Body, stream).await {
            return false;
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

    /// Says nothing more where the origin hangs, until the connection ends; whether it did.
    async fn hangs(
        &self,
        request: &Request,
        gate: Gate,
        stream: &mut BufReader<TcpStream>,
    ) -> bool {
        {
            let mut inner = self.lock();
            if inner.hangs != Some((request.resource, gate)) || request.method == "POST" {
                return false;
            }
            inner.failed[request.resource] += u64::from(gate == Gate::Head);
        }
        let _hanging = Hanging::new(self);
        let _ = stream.read(&mut [0]).await;
        true
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
}
