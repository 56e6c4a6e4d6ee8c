//! A viewer's wish to leave HTTP (RFC 9110, section 7.8).

use super::viewer::Viewer;
use http::HeaderValue;
use hyper::upgrade::OnUpgrade;

/// A viewer's wish to leave HTTP.
pub(crate) struct Upgrade {
    /// The protocol, as in the field Upgrade.
    pub(crate) protocol: HeaderValue,
    pub(crate) viewer: Viewer,
    pub(crate) connection: OnUpgrade,
}
