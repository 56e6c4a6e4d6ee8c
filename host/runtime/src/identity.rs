//! Identity of a plugin, as its instances know it.

use std::sync::Arc;

use crate::capabilities::Capabilities;
use crate::masks::Masks;
use crate::options::WallClock;
use crate::spec::Limits;

/// Identity of a plugin, as its instances know it.
pub(crate) struct Identity {
    pub(crate) name: Arc<str>,
    pub(crate) distribution: String,
    pub(crate) config: serde_json::Value,
    pub(crate) config_json: String,
    pub(crate) limits: Limits,
    pub(crate) capabilities: Capabilities,
    pub(crate) masks: Masks,
    pub(crate) wall_clock: Option<Arc<dyn WallClock>>,
}
