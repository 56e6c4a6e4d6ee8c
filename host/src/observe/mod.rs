//! The clock that everything is dated by, and all that operators see: logs, access lines, metrics.

pub mod access;
pub mod clock;
pub mod logs;
pub mod metrics;
pub mod plugin_metrics;
mod series;
pub mod sinks;
