//! An origin that is asked.

use crate::origin::Origin;
use std::sync::Arc;

/// An origin and how it is spoken to.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) origin: Arc<Origin>,
    pub(crate) secure: bool,
}
