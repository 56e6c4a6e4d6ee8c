//! Parts of the runtime that the plugins of all distributions share.

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use wasmtime::Engine;

use crate::options::Options;
use crate::remember::Budget;
use crate::ticker::Ticker;

/// Tables for each instance.
pub(crate) const TABLES: u32 = 4;

/// Cheap to clone; lives as long as any plugin.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) engine: Engine,
    pub(crate) options: Arc<Options>,
    /// Instances that wait in pools, of all plugins together.
    pub(crate) idle: Arc<AtomicU32>,
    pub(crate) ticker: Arc<Ticker>,
    /// For remembered decisions.
    pub(crate) budget: Arc<Budget>,
}
