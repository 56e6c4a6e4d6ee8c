//! Bodies of requests to origins.

use crate::viewer_body::{ViewerBody, ViewerBodyError};
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

/// The body of a request to an origin.
#[derive(Default)]
pub enum OutgoingBody {
    /// None, as with GET.
    #[default]
    Empty,
    /// At hand.
    Whole(Bytes),
    /// The viewer's, passed on as it comes; the first frames may have been read already.
    Viewer {
        /// Read ahead, to see that the body is well-formed before an origin hears of it, or since a plugin has read it.
        ahead: VecDeque<Frame<Bytes>>,
        /// The rest; `None` where all has been read.
        rest: Option<ViewerBody>,
        /// The state that is shared with others.
        upload: Arc<Upload>,
    },
}

/// How far a viewer's body is, so that neither a long upload nor a viewer that stops is taken for a silent origin.
#[derive(Debug, Default)]
pub struct Upload {
    /// Counts the pieces that were asked for.
    moves: AtomicU64,
    waits_for_viewer: AtomicBool,
}

impl Upload {
    /// One piece more was asked for.
    pub(crate) fn moved(&self) {
        self.moves.fetch_add(1, Ordering::Relaxed);
    }

    /// A number that moves as long as the body does.
    pub(crate) fn moves(&self) -> u64 {
        self.moves.load(Ordering::Relaxed)
    }

    /// Returns true if the next piece was asked for and has not come.
    pub(crate) fn waits_for_viewer(&self) -> bool {
        self.waits_for_viewer.load(Ordering::Relaxed)
    }
}

impl OutgoingBody {
    /// A viewer's body, its first frames read ahead.
    pub fn viewer(ahead: VecDeque<Frame<Bytes>>, rest: Option<ViewerBody>) -> OutgoingBody {
        OutgoingBody::Viewer {
            ahead,
            rest,
            upload: Arc::default(),
        }
    }

    /// How far it is; `None` where there is no body.
    pub(crate) fn upload(&self) -> Option<Arc<Upload>> {
        match self {
            OutgoingBody::Empty | OutgoingBody::Whole(_) => None,
            OutgoingBody::Viewer { upload, .. } => Some(upload.clone()),
        }
    }
}

impl Body for OutgoingBody {
    type Data = Bytes;
    type Error = ViewerBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ViewerBodyError>>> {
        match self.get_mut() {
            OutgoingBody::Empty => Poll::Ready(None),
            OutgoingBody::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            OutgoingBody::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            OutgoingBody::Viewer {
                ahead,
                rest,
                upload,
            } => {
                upload.moved();
                let polled = match (ahead.pop_front(), rest) {
                    (Some(frame), _) => Poll::Ready(Some(Ok(frame))),
                    (None, Some(rest)) => Pin::new(rest).poll_frame(cx),
                    (None, None) => Poll::Ready(None),
                };
                upload
                    .waits_for_viewer
                    .store(polled.is_pending(), Ordering::Relaxed);
                polled
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            OutgoingBody::Empty => true,
            OutgoingBody::Whole(bytes) => bytes.is_empty(),
            OutgoingBody::Viewer { ahead, rest, .. } => {
                ahead.is_empty() && rest.as_ref().is_none_or(Body::is_end_stream)
            }
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            OutgoingBody::Empty => SizeHint::with_exact(0),
            OutgoingBody::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            OutgoingBody::Viewer { ahead, rest, .. } => {
                let lengths = ahead.iter().filter_map(Frame::data_ref).map(Bytes::len);
                let ahead = lengths.sum::<usize>() as u64;
                let rest = rest
                    .as_ref()
                    .map_or(Some(0), |rest| rest.size_hint().exact());
                match rest {
                    Some(rest) => SizeHint::with_exact(rest + ahead),
                    None => SizeHint::new(),
                }
            }
        }
    }
}
