//! The body of what a fetch gave: an origin's, what a plugin answered, or what a plugin makes of it while it streams.
//!
//! A streamed body is made piece by piece as it is asked for: whoever reads slowly slows the plugin and its origin down, and
//! nothing piles up.

use super::hooks::Witness;
use crate::origin::{OriginBody, OriginError};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt, unfold};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use selvedge_runtime::{HookError, Producer, Transform};
use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchedError {
    /// The origin is to blame.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// A plugin is.
    #[error("a plugin failed while it made the body: {0}")]
    Plugin(HookError),
}

impl FetchedError {
    /// One word for logs.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            FetchedError::Origin(error) => error.as_str(),
            FetchedError::Plugin(error) => error.as_str(),
        }
    }
}

type Pieces = BoxStream<'static, Result<Bytes, FetchedError>>;

/// Where the bytes come from.
pub(crate) enum FetchedBody {
    /// As the origin sends them.
    Origin(OriginBody),
    /// At hand; `None` for none, or no more.
    Made(Option<Bytes>),
    /// As a plugin makes them. The lock is never taken: it only says that nobody reads from two threads at once.
    Streamed(Mutex<Pieces>),
}

impl FetchedBody {
    /// This body as a plugin turns it into another. Trailers end here: they were about the body before.
    pub(crate) fn transformed(self, transform: Transform, witness: Witness) -> FetchedBody {
        let state = Transforming {
            source: self,
            transform,
            witness,
            ready: VecDeque::new(),
            at_end: false,
        };
        FetchedBody::Streamed(Mutex::new(
            unfold(Some(state), |state| async {
                let mut state = state?;
                match state.next().await? {
                    Ok(piece) => Some((Ok(piece), Some(state))),
                    Err(error) => Some((Err(error), None)),
                }
            })
            .boxed(),
        ))
    }

    /// A body that a plugin makes from nothing.
    pub(crate) fn produced(producer: Producer, witness: Witness) -> FetchedBody {
        FetchedBody::Streamed(Mutex::new(
            unfold(Some((producer, witness)), |state| async {
                let (mut producer, witness) = state?;
                match producer.next().await {
                    Ok(Some(piece)) => Some((Ok(piece), Some((producer, witness)))),
                    Ok(None) => None,
                    Err(error) => {
                        witness.failed(&error);
                        Some((Err(FetchedError::Plugin(error)), None))
                    }
                }
            })
            .boxed(),
        ))
    }
}

/// A body on its way through a plugin.
struct Transforming {
    source: FetchedBody,
    transform: Transform,
    witness: Witness,
    /// What the plugin has given and nobody has taken yet.
    ready: VecDeque<Bytes>,
    at_end: bool,
}

impl Transforming {
    async fn next(&mut self) -> Option<Result<Bytes, FetchedError>> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                return Some(Ok(piece));
            }
            if self.at_end {
                return None;
            }
            let given = match self.source.frame().await {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.transform.push(data).await,
                    Err(_) => continue,
                },
                Some(Err(error)) => return Some(Err(error)),
                None => {
                    self.at_end = true;
                    self.transform.finish().await
                }
            };
            match given {
                Ok(pieces) => self.ready.extend(pieces),
                Err(error) => {
                    self.witness.failed(&error);
                    return Some(Err(FetchedError::Plugin(error)));
                }
            }
        }
    }
}

impl Body for FetchedBody {
    type Data = Bytes;
    type Error = FetchedError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, FetchedError>>> {
        match self.get_mut() {
            FetchedBody::Origin(body) => Pin::new(body)
                .poll_frame(cx)
                .map(|frame| frame.map(|frame| frame.map_err(FetchedError::from))),
            FetchedBody::Made(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            FetchedBody::Streamed(pieces) => pieces
                .get_mut()
                .poll_next_unpin(cx)
                .map(|piece| piece.map(|piece| piece.map(Frame::data))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            FetchedBody::Origin(body) => body.is_end_stream(),
            FetchedBody::Made(bytes) => bytes.as_ref().is_none_or(Bytes::is_empty),
            FetchedBody::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            FetchedBody::Origin(body) => body.size_hint(),
            FetchedBody::Made(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            FetchedBody::Streamed(_) => SizeHint::default(),
        }
    }
}
