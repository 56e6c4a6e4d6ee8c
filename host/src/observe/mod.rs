//! What operators see: the clock that everything is dated by, logs, access lines, metrics.

pub mod access;
pub mod clock;
pub mod logs;
pub mod metrics;
pub mod plugin_figures;
mod series;
