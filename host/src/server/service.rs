//! The requests of one HTTP/1 connection: checked, handed to the pipeline, and answered as the connection needs it.

use super::forwarded;
use super::guard::{GuardState, UnderWay};
use super::message;
use super::upload::Upload;
use crate::config::Network;
use crate::pipeline::{self, BodyError, Delivery, Edge, Handling, Malformed, Tunnel, Viewer};
use crate::viewer_body::ViewerBody;
use bytes::Bytes;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Response};
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::service::Service;
use selvedge_runtime::Scheme;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// The service of one connection.
pub(super) struct Requests {
    edge: Arc<Edge>,
    viewer: Viewer,
    /// The trusted proxies, where the connection comes from one of them.
    proxies: Option<Arc<[Network]>>,
    state: Arc<GuardState>,
}

impl Requests {
    /// The service of a plain connection from this address.
    pub(super) fn new(
        edge: Arc<Edge>,
        address: SocketAddr,
        proxies: Option<Arc<[Network]>>,
        state: Arc<GuardState>,
    ) -> Requests {
        let viewer = Viewer {
            address,
            scheme: Scheme::Http,
            tls: None,
            tunnel: Some(state.clone()),
        };
        Requests {
            edge,
            viewer,
            proxies,
            state,
        }
    }

    /// The viewer of a request that a trusted proxy passes on.
    fn behind_proxy(&self, proxies: &[Network], request: &mut Request<Incoming>) -> Viewer {
        let peer = self.viewer.address;
        let (address, scheme) = forwarded::take(request.headers_mut(), peer, proxies);
        let mut viewer = self.viewer.clone();
        viewer.address = address;
        viewer.scheme = scheme.unwrap_or(viewer.scheme);
        viewer
    }
}

impl Tunnel for GuardState {
    fn open(&self) -> bool {
        self.become_tunnel()
    }
}

impl Service<Request<Incoming>> for Requests {
    type Response = Response<Sending>;
    type Error = Infallible;
    type Future = Answer;

    fn call(&self, mut request: Request<Incoming>) -> Answer {
        let under_way = self.state.begin();
        let checked = match self.state.head_refusal() {
            None => message::check_head(&request),
            Some(refusal) => Err(refusal.reason()),
        };
        let proxies = self.proxies.as_ref();
        let behind = proxies.map(|proxies| self.behind_proxy(proxies, &mut request));
        let viewer = behind.as_ref().unwrap_or(&self.viewer);
        let request = with_content(request);
        let handling = match checked {
            Ok(()) => pipeline::handle(&self.edge, viewer, request),
            Err(reason) => {
                let malformed = Malformed {
                    status: reason.status(),
                    reason: reason.as_str(),
                    text: reason.detail(),
                };
                pipeline::refuse(&self.edge, viewer, &request, malformed)
            }
        };
        Answer {
            handling,
            under_way: Some(under_way),
        }
    }
}

/// The request with its content checked as it arrives. Most requests have none.
fn with_content(request: Request<Incoming>) -> Request<ViewerBody> {
    let (head, incoming) = request.into_parts();
    let content = match incoming.is_end_stream() {
        true => ViewerBody::empty(),
        false => ViewerBody::new(Upload::new(incoming, &head.headers)),
    };
    Request::from_parts(head, content)
}

/// The response to one request, as hyper gets it.
pub(super) struct Answer {
    handling: Handling,
    /// `None` once there is a response, which has it then.
    under_way: Option<UnderWay>,
}

impl Future for Answer {
    type Output = Result<Response<Sending>, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let answer = self.get_mut();
        let mut response = ready!(Pin::new(&mut answer.handling).poll(cx))?;
        if response.body().closes() {
            let close = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, close);
        }
        let under_way = answer.under_way.take();
        if let Some(under_way) = &under_way {
            under_way.answered();
        }
        Poll::Ready(Ok(response.map(|delivery| Sending {
            delivery,
            _under_way: under_way,
        })))
    }
}

/// A response's content while it is sent.
pub(super) struct Sending {
    delivery: Delivery,
    _under_way: Option<UnderWay>,
}

impl Body for Sending {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        Pin::new(&mut self.get_mut().delivery).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.delivery.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.delivery.size_hint()
    }
}
