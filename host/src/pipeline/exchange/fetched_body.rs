//! The body of what a fetch gave: an origin's, what a plugin answered, or what a plugin makes of it while it streams.

use crate::origin::{OriginBody, OriginError};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use parking_lot::Mutex;
use selvedge_runtime::HookError;
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

pub(crate) type Pieces = BoxStream<'static, Result<Bytes, FetchedError>>;

/// Where the bytes come from.
pub(crate) enum FetchedBody {
    /// As the origin sends them.
    Origin(OriginBody),
    /// At hand; `None` for none, or no more.
    Made(Option<Bytes>),
    /// As a plugin makes them. The lock is never taken: it only says that nobody reads from two threads at once.
    Streamed(Mutex<Pieces>),
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
