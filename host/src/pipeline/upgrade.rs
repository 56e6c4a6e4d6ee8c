//! Upgrades: a connection that leaves HTTP, such as a WebSocket (RFC 9110, section 7.8; RFC 6455).
//!
//! Such a request passes the cache by. Where the origin agrees (101), the two connections are joined and the bytes go both
//! ways until either side ends, or until nothing has moved for ten minutes, as with CloudFront.

use super::edge::Edge;
use super::exchange::{Prepared, Source, Upgrade, Viewer};
use crate::viewer_body::ViewerBody;
use http::header::{CONNECTION, HeaderValue, UPGRADE};
use http::{HeaderMap, Method, Request, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::sync::mpsc;

/// A tunnel in which nothing moves for this long is closed.
const IDLE: Duration = Duration::from_secs(600);

/// Returns the upgrade that a request asks for, if any: taken before the fields of the connection are removed.
pub(crate) fn asked(viewer: &Viewer, request: &mut Request<ViewerBody>) -> Option<Upgrade> {
    let tunnel = viewer.tunnel.as_ref()?;
    let fields = request.headers();
    let protocol = fields.get(UPGRADE)?.clone();
    let named = fields.get_all(CONNECTION).iter().any(|line| {
        let members = line.to_str().unwrap_or_default().split(',');
        members
            .into_iter()
            .any(|member| member.trim().eq_ignore_ascii_case("upgrade"))
    });
    if !named
        || is_http_2(&protocol)
        || request.method() != Method::GET
        // RFC 9110, section 7.8: not from HTTP/1.0.
        || request.version() == Version::HTTP_10
    {
        return None;
    }
    Some(Upgrade {
        protocol,
        tunnel: tunnel.clone(),
        connection: hyper::upgrade::on(request),
    })
}

/// Returns true if HTTP/2 is among the protocols. A tunnel that carries HTTP would take requests past every gate and hook here, so
/// such a wish is not passed on; a server may ignore it (RFC 9110, section 7.8).
fn is_http_2(protocol: &HeaderValue) -> bool {
    let mut members = protocol.as_bytes().split(|byte| *byte == b',');
    members.any(|member| member.trim_ascii().eq_ignore_ascii_case(b"h2c"))
}

/// Asks the origin to upgrade as the viewer does.
pub(crate) fn ask(fields: &mut HeaderMap, protocol: &HeaderValue) {
    fields.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    fields.insert(UPGRADE, protocol.clone());
}

/// Joins viewer and origin after the origin's 101.
pub(crate) fn join(
    edge: &Edge,
    upgrade: Upgrade,
    origin: OnUpgrade,
    mut agreed: Prepared,
) -> Prepared {
    if !upgrade.tunnel.open() {
        let words = "The viewer sent more before the upgrade was agreed on.";
        return Prepared::refusal(StatusCode::BAD_REQUEST, words, "early-upgrade-data", true);
    }
    ask(&mut agreed.fields, &upgrade.protocol);
    agreed.body = Source::Empty;
    let viewer = upgrade.connection;
    edge.spawn(async move {
        if let (Ok(viewer), Ok(origin)) = tokio::join!(viewer, origin) {
            tunnel(viewer, origin).await;
        }
    });
    agreed
}

/// Moves bytes both ways. A side that ends its sending ends that direction only.
async fn tunnel(viewer: Upgraded, origin: Upgraded) {
    let (from_viewer, to_viewer) = tokio::io::split(TokioIo::new(viewer));
    let (from_origin, to_origin) = tokio::io::split(TokioIo::new(origin));
    let (moved, mut moves) = mpsc::channel(1);
    let both = async {
        tokio::join!(
            one_way(from_viewer, to_origin, moved.clone()),
            one_way(from_origin, to_viewer, moved),
        )
    };
    let idle = async { while let Ok(Some(())) = tokio::time::timeout(IDLE, moves.recv()).await {} };
    tokio::select! {
        _ = both => {}
        () = idle => {}
    }
}

async fn one_way(
    mut from: ReadHalf<TokioIo<Upgraded>>,
    mut to: WriteHalf<TokioIo<Upgraded>>,
    moved: mpsc::Sender<()>,
) {
    let mut buffer = vec![0; 16 * 1024];
    loop {
        let read = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(read) => read,
        };
        let Some(bytes) = buffer.get(..read) else {
            break;
        };
        if to.write_all(bytes).await.is_err() {
            break;
        }
        // A full channel says already that something moves.
        let _ = moved.try_send(());
    }
    let _ = to.shutdown().await;
}
