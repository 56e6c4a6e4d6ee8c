//! One request to an origin: which connection carries it, and how often it is tried.

use super::body::{OriginBody, Return};
use super::connect::connect;
use super::framing::{self, Framed};
use super::head::BadHead;
use super::outgoing::{OutgoingBody, Upload};
use super::pool::Connection;
use super::{Origin, OriginError};
use crate::viewer_body::{TooSlow, may_idle};
use http::{Method, Request, Response, StatusCode, request};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// The result of a request to an origin.
pub struct Sent {
    /// The final response; its body is still arriving.
    pub response: Response<OriginBody>,
    /// How many connections were tried or used.
    pub attempts: u32,
}

/// How a request went on one connection.
enum Tried {
    Answered(Box<Response<OriginBody>>),
    /// The connection turned out closed before anything was written: the request is whole and may go elsewhere.
    Unsent(OutgoingBody),
    Failed(OriginError),
}

impl Origin {
    /// Sends a request and waits for the head of the response.
    ///
    /// A connection that the origin had kept open and then closed is replaced by a fresh one: always while nothing was
    /// written, and once more for a safe method without a body (RFC 9110, section 9.2.2). Connecting is tried
    /// `connection_attempts` times. A read timeout of GET and HEAD is retried within the same number.
    ///
    /// # Errors
    /// [`OriginError`] once no further attempt is allowed.
    pub async fn send(
        self: &Arc<Self>,
        head: &request::Parts,
        body: OutgoingBody,
        secure: bool,
    ) -> Result<Sent, OriginError> {
        let sent = self.attempt(head, body, secure).await;
        match &sent {
            Ok(_) => self.health.answered(),
            Err(error) => self.health.failed(error),
        }
        sent
    }

    /// On a kept connection first, where there is one.
    async fn attempt(
        self: &Arc<Self>,
        head: &request::Parts,
        mut body: OutgoingBody,
        secure: bool,
    ) -> Result<Sent, OriginError> {
        let repeatable = head.method.is_safe() && matches!(body, OutgoingBody::Empty);
        let retry_timeouts = repeatable && matches!(head.method, Method::GET | Method::HEAD);
        let mut attempts = 0;
        while let Some(connection) = self.pool(secure).take() {
            attempts += 1;
            match self.once(connection, head, body, secure).await {
                Tried::Answered(response) => {
                    return Ok(Sent {
                        response: *response,
                        attempts,
                    });
                }
                Tried::Unsent(whole) => body = whole,
                Tried::Failed(OriginError::Closed(_)) if repeatable => {
                    body = OutgoingBody::Empty;
                    break;
                }
                Tried::Failed(OriginError::ReadTimeout(_))
                    if retry_timeouts && attempts < self.settings().connection_attempts =>
                {
                    body = OutgoingBody::Empty;
                    break;
                }
                Tried::Failed(error) => return Err(error),
            }
        }
        Box::pin(self.send_afresh(head, body, secure, retry_timeouts, attempts)).await
    }

    /// Sends on new connections only.
    async fn send_afresh(
        self: &Arc<Self>,
        head: &request::Parts,
        mut body: OutgoingBody,
        secure: bool,
        retry_timeouts: bool,
        mut attempts: u32,
    ) -> Result<Sent, OriginError> {
        let most = self.settings().connection_attempts;
        for attempt in 1..=most {
            attempts += 1;
            let last = attempt == most;
            let connection = match connect(self, secure).await {
                Ok(connection) => connection,
                Err(error) if last || !error.may_retry() => return Err(error),
                Err(_) => continue,
            };
            match self.once(connection, head, body, secure).await {
                Tried::Answered(response) => {
                    return Ok(Sent {
                        response: *response,
                        attempts,
                    });
                }
                Tried::Unsent(whole) if !last => body = whole,
                Tried::Unsent(_) => break,
                Tried::Failed(OriginError::ReadTimeout(_)) if retry_timeouts && !last => {
                    body = OutgoingBody::Empty;
                }
                Tried::Failed(error) => return Err(error),
            }
        }
        Err(OriginError::Closed(
            "each connection was closed before the request was written".to_owned(),
        ))
    }

    async fn once(
        self: &Arc<Self>,
        mut connection: Connection,
        head: &request::Parts,
        body: OutgoingBody,
        secure: bool,
    ) -> Tried {
        let limit = self.settings().read_timeout;
        match tokio::time::timeout(limit, connection.ready()).await {
            Ok(Ok(())) => {}
            _ => return Tried::Unsent(body),
        }
        let upload = body.upload();
        let request = Request::from_parts(head.clone(), body);
        let sending = connection.send(request);
        let may_idle = may_idle(&head.headers);
        let Some(answer) = patiently(limit, upload.as_deref(), may_idle, sending).await else {
            let is_viewers = upload.is_some_and(|upload| upload.waits_for_viewer());
            return Tried::Failed(match is_viewers {
                true => OriginError::RequestBodyTimeout(limit),
                false => OriginError::ReadTimeout(limit),
            });
        };
        match answer {
            Ok(mut response) => {
                let (status, lenient) = (response.status(), self.settings().lenient_framing);
                let framed = match framing::settle(status, response.headers_mut(), lenient) {
                    Ok(framed) => framed,
                    Err(error) => return Tried::Failed(error),
                };
                let is_upgrade = status == StatusCode::SWITCHING_PROTOCOLS;
                let back = (framed == Framed::Clearly && !is_upgrade).then(|| Return {
                    origin: self.clone(),
                    secure,
                    connection,
                    upload,
                });
                Tried::Answered(Box::new(
                    response.map(|incoming| OriginBody::new(incoming, self.settings(), back)),
                ))
            }
            Err(mut failed) => match failed.take_message() {
                Some(request) => Tried::Unsent(request.into_body()),
                None => Tried::Failed(blame(failed.into_error())),
            },
        }
    }
}

/// A viewer's upload may take this long in total, however steadily it comes.
const MAX_UPLOAD: Duration = Duration::from_secs(3600);

/// Waits for an answer; the limit starts anew as long as the request's body is still going out, within [`MAX_UPLOAD`]. Neither
/// holds while a stream that may idle waits for its viewer.
/// `None` when it is over.
async fn patiently<F: Future>(
    limit: Duration,
    upload: Option<&Upload>,
    may_idle: bool,
    answer: F,
) -> Option<F::Output> {
    let mut answer = std::pin::pin!(answer);
    let moved = || upload.map_or(0, Upload::moves);
    let mut before = moved();
    let until = Instant::now() + MAX_UPLOAD;
    loop {
        if let Ok(answer) = tokio::time::timeout(limit, &mut answer).await {
            return Some(answer);
        }
        let now = moved();
        if may_idle && upload.is_some_and(Upload::waits_for_viewer) {
            continue;
        }
        if now == before || Instant::now() >= until {
            return None;
        }
        before = now;
    }
}

/// Returns true if the viewer's request body was behind the error.
fn is_too_slow(error: &hyper::Error) -> bool {
    let mut next = std::error::Error::source(error);
    while let Some(error) = next {
        if error.is::<TooSlow>() {
            return true;
        }
        next = error.source();
    }
    false
}

/// Finds whose fault hyper's error is.
fn blame(error: hyper::Error) -> OriginError {
    if is_too_slow(&error) {
        return OriginError::RequestBodySlow;
    }
    if let Some(bad) = bad_head(&error) {
        return OriginError::Garbage(bad.to_string());
    }
    if error.is_user() || error.is_body_write_aborted() {
        return OriginError::RequestBody(error);
    }
    if error.is_parse() {
        return OriginError::Garbage(describe(&error));
    }
    OriginError::Closed(describe(&error))
}

/// The rule that a response's head breaks, where that is the cause of hyper's error.
fn bad_head(error: &hyper::Error) -> Option<&BadHead> {
    let cause = std::error::Error::source(error)?;
    cause
        .downcast_ref::<std::io::Error>()?
        .get_ref()?
        .downcast_ref()
}

/// An error with its causes, in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::origin::outgoing::Upload;

    #[tokio::test(start_paused = true)]
    async fn an_upload_that_trickles_is_given_up_after_an_hour() {
        let upload = Arc::new(Upload::default());
        let trickling = upload.clone();
        let trickle = tokio::spawn(async move {
            loop {
                trickling.moved();
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        });
        let began = Instant::now();
        let limit = Duration::from_secs(30);
        let answer = patiently(limit, Some(&upload), false, std::future::pending::<()>()).await;
        assert!(answer.is_none());
        let took = began.elapsed();
        assert!(took >= MAX_UPLOAD && took <= MAX_UPLOAD + limit, "{took:?}");
        trickle.abort();
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_that_may_idle_waits_for_its_viewer_without_end() {
        use http_body::Body;
        use std::task::{Context, Waker};
        let silent = http_body_util::StreamBody::new(futures_util::stream::pending());
        let rest = Some(crate::viewer_body::ViewerBody::new(silent));
        let mut body = OutgoingBody::viewer(std::collections::VecDeque::new(), rest);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(
            std::pin::Pin::new(&mut body)
                .poll_frame(&mut cx)
                .is_pending()
        );
        let answer = tokio::time::sleep(2 * MAX_UPLOAD);
        let upload = body.upload();
        let limit = Duration::from_secs(30);
        let answer = patiently(limit, upload.as_deref(), true, answer).await;
        assert!(answer.is_some());
    }
}
