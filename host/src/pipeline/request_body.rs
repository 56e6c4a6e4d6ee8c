//! The body of a request where a hook may read it: read when a plugin asks and no further than it may, and sent on whole.

use crate::origin::OutgoingBody;
use crate::viewer_body::ViewerBody;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use selvedge_runtime::capabilities::{Answer, BodyRefusal, ReadBody};
use std::sync::Arc;
use tokio::sync::Mutex;

/// No hook gets more of a request's body.
pub(crate) const MAX_BODY: u64 = 1 << 20;

/// The viewer broke its body off, or sent what is no body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Broken;

/// A body that hooks may read, piece by piece, as often as they like.
#[derive(Clone)]
pub(crate) struct RequestBody(Arc<Mutex<Reading>>);

#[derive(Default)]
struct Reading {
    /// The content that was read, in one piece: a viewer may send a byte at a time, and a frame for each costs a hundred times
    /// that.
    content: BytesMut,
    /// The trailer section, if it was read.
    trailers: Option<HeaderMap>,
    rest: Option<ViewerBody>,
    broken: bool,
}

impl RequestBody {
    /// Lends a body to hooks. One that is at hand needs no reading.
    pub(crate) fn lend(body: &mut OutgoingBody) -> Lent {
        match std::mem::take(body) {
            OutgoingBody::Empty => Lent::Whole(Bytes::new()),
            OutgoingBody::Whole(bytes) => Lent::Whole(bytes),
            OutgoingBody::Viewer { ahead, rest, .. } => {
                let mut reading = Reading {
                    rest,
                    ..Reading::default()
                };
                ahead.into_iter().for_each(|frame| reading.take(frame));
                Lent::Arriving(RequestBody(Arc::new(Mutex::new(reading))))
            }
        }
    }
}

/// A body while hooks may read it.
pub(crate) enum Lent {
    /// It is at hand.
    Whole(Bytes),
    /// It is read from the viewer on demand.
    Arriving(RequestBody),
}

impl Lent {
    /// Returns the reader for hooks.
    pub(crate) fn reader(&self) -> Arc<dyn ReadBody> {
        match self {
            Lent::Whole(bytes) => Arc::new(bytes.clone()),
            Lent::Arriving(body) => Arc::new(body.clone()),
        }
    }

    /// The body as it is to be sent: what hooks have read is in front of the rest.
    pub(crate) fn take_back(self) -> Result<OutgoingBody, Broken> {
        match self {
            Lent::Whole(bytes) if bytes.is_empty() => Ok(OutgoingBody::Empty),
            Lent::Whole(bytes) => Ok(OutgoingBody::Whole(bytes)),
            Lent::Arriving(body) => {
                // Nobody reads any more: the hooks have ended.
                let mut reading = body.0.try_lock().map_err(|_| Broken)?;
                let Reading {
                    content,
                    trailers,
                    rest,
                    broken,
                } = std::mem::take(&mut *reading);
                let content = (!content.is_empty()).then(|| Frame::data(content.freeze()));
                let ahead = content.into_iter().chain(trailers.map(Frame::trailers));
                match broken {
                    true => Err(Broken),
                    false => Ok(OutgoingBody::viewer(ahead.collect(), rest)),
                }
            }
        }
    }
}

impl ReadBody for RequestBody {
    fn read(&self, max: u64) -> Answer<Result<Bytes, BodyRefusal>> {
        let reading = self.0.clone();
        Answer::Later(Box::pin(async move {
            let limit = max.min(MAX_BODY);
            reading.lock_owned().await.read(limit).await
        }))
    }
}

impl Reading {
    /// The whole body, if it is no longer than that. What has been read stays, also where the waiting is given up.
    async fn read(&mut self, limit: u64) -> Result<Bytes, BodyRefusal> {
        let too_large = Err(BodyRefusal::TooLarge { limit });
        while let Some(rest) = &mut self.rest {
            if self.broken {
                return Err(BodyRefusal::CutOff);
            }
            if self.content.len() as u64 + rest.size_hint().lower() > limit {
                return too_large;
            }
            match rest.frame().await {
                Some(Ok(frame)) => self.take(frame),
                Some(Err(_)) => self.broken = true,
                None => self.rest = None,
            }
        }
        if self.content.len() as u64 > limit {
            return too_large;
        }
        Ok(Bytes::copy_from_slice(&self.content))
    }

    /// Adds what was read.
    fn take(&mut self, frame: Frame<Bytes>) {
        match frame.into_data() {
            Ok(data) => self.content.extend_from_slice(&data),
            Err(frame) => self.trailers = frame.into_trailers().ok().or(self.trailers.take()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::viewer_body::ViewerBodyError;
    use futures_util::stream;
    use http_body_util::StreamBody;
    use std::collections::VecDeque;

    fn arriving(pieces: &[Result<&'static str, &'static str>]) -> OutgoingBody {
        let frames: Vec<Result<Frame<Bytes>, ViewerBodyError>> = pieces
            .iter()
            .map(|piece| match piece {
                Ok(data) => Ok(Frame::data(Bytes::from_static(data.as_bytes()))),
                Err(error) => Err((*error).into()),
            })
            .collect();
        let body = ViewerBody::new(StreamBody::new(stream::iter(frames)));
        OutgoingBody::viewer(VecDeque::new(), Some(body))
    }

    async fn read(lent: &Lent, max: u64) -> Result<Bytes, BodyRefusal> {
        match lent.reader().read(max) {
            Answer::Now(read) => read,
            Answer::Later(read) => read.await,
        }
    }

    async fn sent(lent: Lent) -> Vec<u8> {
        let Ok(body) = lent.take_back() else {
            panic!("it is whole");
        };
        let collected = body.collect().await.expect("it is whole");
        collected.to_bytes().to_vec()
    }

    #[tokio::test]
    async fn what_hooks_read_is_sent_all_the_same() {
        let mut body = arriving(&[Ok("some "), Ok("content")]);
        let lent = RequestBody::lend(&mut body);
        for _ in 0..2 {
            let read = read(&lent, 100).await.expect("it fits");
            assert_eq!(read, "some content");
        }
        assert_eq!(sent(lent).await, b"some content");
    }

    #[tokio::test]
    async fn a_body_that_is_longer_than_a_hook_may_read_is_refused_and_still_sent() {
        let mut body = arriving(&[Ok("some "), Ok("content")]);
        let lent = RequestBody::lend(&mut body);
        assert!(matches!(
            read(&lent, 6).await,
            Err(BodyRefusal::TooLarge { limit: 6 })
        ));
        assert_eq!(sent(lent).await, b"some content");
    }

    #[tokio::test]
    async fn a_body_that_nobody_read_is_sent_as_it_came() {
        let mut body = arriving(&[Ok("content")]);
        assert_eq!(sent(RequestBody::lend(&mut body)).await, b"content");
        let mut none = OutgoingBody::Empty;
        let lent = RequestBody::lend(&mut none);
        assert_eq!(read(&lent, 1).await.expect("it fits"), "");
        assert_eq!(sent(lent).await, b"");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_under_a_hook_is_not_sent() {
        let mut body = arriving(&[Ok("some "), Err("gone")]);
        let lent = RequestBody::lend(&mut body);
        for _ in 0..2 {
            assert!(matches!(read(&lent, 100).await, Err(BodyRefusal::CutOff)));
        }
        assert!(lent.take_back().is_err());
    }
}
