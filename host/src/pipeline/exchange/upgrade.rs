//! A viewer's wish to leave HTTP (RFC 9110, section 7.8).

use super::viewer::Tunnel;
use http::HeaderValue;
use hyper::upgrade::OnUpgrade;
use std::sync::Arc;

/// A viewer's wish to leave HTTP.
pub(crate) struct Upgrade {
    /// The protocol, as in the field Upgrade.
    pub(crate) protocol: HeaderValue,
    pub(crate) tunnel: Arc<dyn Tunnel>,
    pub(crate) connection: OnUpgrade,
}
