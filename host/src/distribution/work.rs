//! Building distributions.

use super::services::{NoServices, Services};
use crate::config::Problem;
use crate::files::Ledger;
use crate::origin::Tls;
use selvedge_runtime::Runtime;
use std::sync::Arc;

/// Everything that distributions are built with.
pub struct Builder {
    pub(super) runtime: Arc<Runtime>,
    pub(super) services: Arc<dyn Services + Send + Sync>,
    pub(super) web: Arc<Tls>,
}

impl Builder {
    /// Builds distributions whose plugins run in `runtime` and are given what `services` has.
    pub fn new(runtime: Arc<Runtime>, services: Arc<dyn Services + Send + Sync>) -> Builder {
        Builder {
            runtime,
            services,
            web: Arc::new(Tls::web()),
        }
    }

    /// Builds distributions only to see if that can be done.
    pub fn for_checking(runtime: Arc<Runtime>) -> Builder {
        Builder::new(runtime, Arc::new(NoServices))
    }

    pub(super) fn work<'a>(&'a self, ledger: &'a mut Ledger) -> Work<'a> {
        Work {
            runtime: &self.runtime,
            services: &*self.services,
            web: &self.web,
            ledger,
            problems: Vec::new(),
            machine_failed: false,
        }
    }
}

/// One distribution being built.
pub(super) struct Work<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) services: &'a dyn Services,
    pub(super) web: &'a Arc<Tls>,
    pub(super) ledger: &'a mut Ledger,
    /// Problems of the files that it names.
    pub(super) problems: Vec<Problem>,
    /// True if this machine failed, and the next try may succeed.
    pub(super) machine_failed: bool,
}
