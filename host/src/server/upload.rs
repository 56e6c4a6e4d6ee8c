//! The content of a request on its way in: how slowly a viewer may send it, and what its trailers may be.
//!
//! A slow upload holds a fetch and a connection to an origin. So waiting for the viewer is bounded: it may take 30 s in all, and
//! a second more for each [`MIN_RATE`] bytes that came. Time in which the origin does not take what is there is not the
//! viewer's. Streams that are meant to idle (gRPC) are not bounded.

use super::message::check_trailers;
use crate::viewer_body::{TooSlow, ViewerBodyError, may_idle};
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// Waiting for a viewer's content that is allowed whatever comes.
const GRACE: Duration = Duration::from_secs(30);

/// Bytes for each further second of waiting.
pub(super) const MIN_RATE: u64 = 512;

/// The content of a request, checked as it arrives.
pub(super) struct Upload<B> {
    body: B,
    /// `None` where the stream may idle.
    pace: Option<Pace>,
}

impl<B> Upload<B> {
    /// Wraps the content of the request with these fields.
    pub(super) fn new(body: B, fields: &HeaderMap) -> Upload<B> {
        Upload {
            body,
            pace: (!may_idle(fields)).then(Pace::default),
        }
    }
}

impl<B> Body for Upload<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<ViewerBodyError>,
{
    type Data = Bytes;
    type Error = ViewerBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ViewerBodyError>>> {
        let Upload { body, pace } = self.get_mut();
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                if let Some(pace) = pace {
                    pace.came(frame.data_ref().map_or(0, Bytes::len));
                }
                let refused = frame
                    .trailers_ref()
                    .and_then(|trailers| check_trailers(trailers).err());
                Poll::Ready(Some(match refused {
                    Some(reason) => Err(reason.detail().into()),
                    None => Ok(frame),
                }))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => match pace {
                Some(pace) => pace.wait(cx).map(|()| Some(Err(TooSlow.into()))),
                None => Poll::Pending,
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The time spent on waiting for a viewer, and the bytes that came for it.
#[derive(Default)]
struct Pace {
    bytes: u64,
    waited: Duration,
    /// When the present wait began.
    since: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Pace {
    /// Counts what came, and the wait for it.
    fn came(&mut self, bytes: usize) {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Waits; ready when the viewer has used up its time.
    fn wait(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let allowed = GRACE + Duration::from_secs(self.bytes / MIN_RATE);
        let left = allowed.saturating_sub(self.waited);
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep(left)));
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            timer.as_mut().reset(now + left);
        }
        timer.as_mut().poll(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{CONTENT_TYPE, HeaderValue};
    use http_body_util::{BodyExt, StreamBody};
    use tokio::sync::mpsc;

    type Piece = Result<Frame<Bytes>, ViewerBodyError>;

    /// An upload and what sends it.
    fn upload(
        fields: HeaderMap,
    ) -> (
        mpsc::Sender<Piece>,
        Upload<impl Body<Data = Bytes, Error = ViewerBodyError> + Unpin>,
    ) {
        let (sender, mut pieces) = mpsc::channel(1);
        let stream = futures_util::stream::poll_fn(move |cx| pieces.poll_recv(cx));
        (sender, Upload::new(StreamBody::new(stream), &fields))
    }

    fn data(bytes: usize) -> Piece {
        Ok(Frame::data(vec![b'x'; bytes].into()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_sends_nothing_is_given_up_after_half_a_minute() {
        let (_sender, mut upload) = upload(HeaderMap::new());
        let began = Instant::now();
        let error = upload.frame().await.expect("an end").expect_err("too slow");
        assert!(error.is::<TooSlow>());
        assert_eq!(began.elapsed(), GRACE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_sends_too_little_is_given_up() {
        let (sender, mut upload) = upload(HeaderMap::new());
        tokio::spawn(async move {
            while sender.send(data(1)).await.is_ok() {
                tokio::time::sleep(Duration::from_secs(2)).await;
            }
        });
        let began = Instant::now();
        while let Some(Ok(_)) = upload.frame().await {}
        assert!(began.elapsed() < 2 * GRACE, "{:?}", began.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn a_viewer_that_is_fast_enough_may_take_all_day() {
        let (sender, mut upload) = upload(HeaderMap::new());
        tokio::spawn(async move {
            for _ in 0..5000 {
                tokio::time::sleep(Duration::from_secs(20)).await;
                let _ = sender.send(data(20 * MIN_RATE as usize)).await;
            }
        });
        let mut pieces = 0;
        while let Some(piece) = upload.frame().await {
            piece.expect("fast enough");
            pieces += 1;
        }
        assert_eq!(pieces, 5000);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nothing_is_asked_for_is_not_the_viewers() {
        let (sender, mut upload) = upload(HeaderMap::new());
        for _ in 0..10 {
            sender.send(data(1)).await.expect("it has room");
            tokio::time::sleep(GRACE).await;
            upload.frame().await.expect("a piece").expect("no error");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_is_meant_to_idle_may() {
        let mut fields = HeaderMap::new();
        let kind = HeaderValue::from_static("application/gRPC+proto");
        fields.insert(CONTENT_TYPE, kind);
        let (sender, mut upload) = upload(fields);
        tokio::spawn(async move {
            tokio::time::sleep(100 * GRACE).await;
            let _ = sender.send(data(1)).await;
        });
        upload.frame().await.expect("a piece").expect("no error");
        assert!(upload.frame().await.is_none());
    }

    #[tokio::test]
    async fn trailers_that_act_upon_the_message_break_it_off() {
        let trailers = |name: &'static str| {
            let mut fields = HeaderMap::new();
            fields.insert(name, HeaderValue::from_static("5"));
            Ok(Frame::trailers(fields))
        };
        let (sender, mut upload) = upload(HeaderMap::new());
        sender.send(trailers("x-sum")).await.expect("it has room");
        assert!(upload.frame().await.expect("a frame").is_ok());
        sender
            .send(trailers("content-length"))
            .await
            .expect("it has room");
        assert!(upload.frame().await.expect("a frame").is_err());
    }
}
