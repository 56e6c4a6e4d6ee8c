//! Bodies that a plugin makes while they flow: a transform turns pieces into others, a producer gives them by itself.
//!
//! The handle owns the plugin's instance. Each call is a hook call as to its limits: processor time, wall time, host calls,
//! and what it returns (`limits.body_bytes`). Nothing runs between the calls, so a slow reader of the pieces slows the
//! plugin down, and nothing piles up here. When the body is complete, the instance goes back to the plugin; dropped before
//! that, or after a failure, it is not used again.

use std::sync::Arc;

use bytes::Bytes;
use wasmtime::component::ResourceAny;

use crate::error::HookError;
use crate::facts::RequestFacts;
use crate::hooks::call::found;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::start::{name_failure, within_limits};

/// The largest piece that a plugin gets at a time. Larger ones are cut.
pub const PIECE_BYTES: usize = 64 << 10;

/// Pieces that a plugin returns together are joined up to this length.
const GATHERED: usize = 16 << 10;

/// A body that passes through a plugin.
pub struct Transform(Box<Stream>);

/// A body that a plugin makes.
pub struct Producer(Box<Stream>);

impl Transform {
    pub(crate) fn new(stream: Stream) -> Transform {
        Transform(Box::new(stream))
    }

    /// Gives the plugin a piece of the body and gets what goes on in its place, which may be nothing. A piece of more than
    /// [`PIECE_BYTES`] is given in parts, each a call of its own.
    ///
    /// # Errors
    ///
    /// [`HookError`]; the body cannot be completed then, and every later call is an error too.
    pub async fn push(&mut self, mut piece: Bytes) -> Result<Vec<Bytes>, HookError> {
        let mut out = Vec::new();
        while !piece.is_empty() {
            let part = piece.split_to(piece.len().min(PIECE_BYTES));
            out.extend(self.0.step(Step::Push(&part)).await?.unwrap_or_default());
        }
        Ok(out)
    }

    /// Tells the plugin that the body has come to its end, and gets the last pieces. Called once; the transform is over.
    ///
    /// # Errors
    ///
    /// As for [`Transform::push`].
    pub async fn finish(&mut self) -> Result<Vec<Bytes>, HookError> {
        let last = self.0.step(Step::Finish).await?.unwrap_or_default();
        self.0.end().await;
        Ok(last)
    }
}

impl Producer {
    pub(crate) fn new(stream: Stream) -> Producer {
        Producer(Box::new(stream))
    }

    /// The next piece; `None` when the body is complete.
    ///
    /// # Errors
    ///
    /// [`HookError`]; the body cannot be completed then, and every later call is an error too.
    pub async fn next(&mut self) -> Result<Option<Bytes>, HookError> {
        if self.0.over {
            return Ok(None);
        }
        match self.0.step(Step::Next).await? {
            Some(pieces) => Ok(Some(pieces.into_iter().next().unwrap_or_default())),
            None => {
                self.0.end().await;
                Ok(None)
            }
        }
    }
}

/// Call of the guest's resource.
enum Step<'a> {
    Push(&'a [u8]),
    Finish,
    Next,
}

/// An instance and the resource in it that makes a body.
pub(crate) struct Stream {
    plugin: Arc<Plugin>,
    request: Arc<RequestFacts>,
    /// `None` while a call is under way, after a failure, and at the end: a call that is given up takes it along.
    instance: Option<Instance>,
    body: ResourceAny,
    /// It came to its end well.
    over: bool,
}

impl Stream {
    pub(crate) fn new(
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
        instance: Instance,
        body: ResourceAny,
    ) -> Stream {
        Stream {
            plugin: plugin.clone(),
            request: request.clone(),
            instance: Some(instance),
            body,
            over: false,
        }
    }

    /// One call; `None` is a producer's end.
    async fn step(&mut self, step: Step<'_>) -> Result<Option<Vec<Bytes>>, HookError> {
        let Some(mut instance) = self.instance.take() else {
            return Err(HookError::StreamOver);
        };
        let plugin = &*self.plugin;
        let time = instance.store.data().time.clone();
        instance.begin(&self.request, None);
        let call = async {
            let returned = run(&mut instance, self.body, step).await;
            let stderr = instance.stderr_of(&returned);
            instance.end();
            match returned {
                Ok(Ok(pieces)) => bounded(plugin, pieces),
                Ok(Err(message)) => Err(instance.said(&message)),
                Err(error) => {
                    let refused = instance.store.data().growth.refused;
                    Err(name_failure(plugin, &error, &stderr, refused, true))
                }
            }
        };
        let outcome = within_limits(plugin, &time, call).await;
        match &outcome {
            Ok(_) => self.instance = Some(instance),
            Err(error) => plugin.broke_down(error),
        }
        outcome
    }

    /// Lets the guest drop its resource, and gives the instance back.
    async fn end(&mut self) {
        self.over = true;
        let Some(mut instance) = self.instance.take() else {
            return;
        };
        let time = instance.store.data().time.clone();
        instance.begin(&self.request, None);
        let drop = async {
            let dropped = self.body.resource_drop_async(&mut instance.store).await;
            instance.end();
            Ok(dropped.is_ok())
        };
        if within_limits(&self.plugin, &time, drop).await == Ok(true) {
            self.plugin.give_back(instance);
        }
    }
}

async fn run(
    instance: &mut Instance,
    body: ResourceAny,
    step: Step<'_>,
) -> wasmtime::Result<Result<Option<Vec<Vec<u8>>>, String>> {
    let (guest, store) = found!(instance, origin_response);
    Ok(match step {
        Step::Push(piece) => {
            let transform = guest.transform();
            transform.call_push(store, body, piece).await?.map(Some)
        }
        Step::Finish => {
            let transform = guest.transform();
            transform.call_finish(store, body).await?.map(Some)
        }
        Step::Next => {
            let producer = guest.producer();
            let next = producer.call_next(store, body).await?;
            next.map(|piece| piece.map(|piece| vec![piece]))
        }
    })
}

fn bounded(plugin: &Plugin, pieces: Option<Vec<Vec<u8>>>) -> Result<Option<Vec<Bytes>>, HookError> {
    let limit = plugin.limits().body_bytes;
    let size: u64 = pieces
        .iter()
        .flatten()
        .map(|piece| piece.len() as u64)
        .sum();
    if size > limit {
        return Err(HookError::BodyLimit { limit });
    }
    Ok(pieces.map(gathered))
}

/// Joins bytes into fewer pieces: each costs memory of its own, and a plugin may give one for every byte.
fn gathered(pieces: Vec<Vec<u8>>) -> Vec<Bytes> {
    let (mut gathered, mut last) = (Vec::new(), Vec::new());
    for piece in pieces {
        if !last.is_empty() && last.len() + piece.len() > GATHERED {
            gathered.push(Bytes::from(std::mem::take(&mut last)));
        }
        match last.is_empty() {
            true => last = piece,
            false => last.extend_from_slice(&piece),
        }
    }
    if !last.is_empty() {
        gathered.push(Bytes::from(last));
    }
    gathered
}

impl std::fmt::Debug for Transform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Transform").field(&self.0.plugin).finish()
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Producer").field(&self.0.plugin).finish()
    }
}
