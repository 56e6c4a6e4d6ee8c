//! Bodies that a plugin makes, from nothing or of another body, while they stream.
//!
//! Such a body is made piece by piece as it is asked for: whoever reads slowly slows the plugin and its origin down, and
//! nothing piles up.

use super::exchange::{FetchedBody, FetchedError};
use super::hooks::Witness;
use bytes::Bytes;
use futures_util::stream::{StreamExt, unfold};
use http_body_util::BodyExt;
use parking_lot::Mutex;
use selvedge_runtime::{Producer, Transform};
use std::collections::VecDeque;

/// This body as a plugin turns it into another. Trailers end here: they were about the body before.
pub(crate) fn transformed(
    body: FetchedBody,
    transform: Transform,
    witness: Witness,
) -> FetchedBody {
    let state = Transforming {
        source: body,
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

/// A body on its way through a plugin.
struct Transforming {
    source: FetchedBody,
    transform: Transform,
    witness: Witness,
    /// Pieces that the plugin has given and that have not been taken yet.
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
