//! Connections of operators: bounded in number, and silent ones delay no other.
//!
//! At the limit, a new connection closes the one that has waited longest without a request being answered on it. So
//! connections that were opened and forgotten never keep a command from being taken.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::task::{AbortHandle, JoinSet};

/// Connections that are open at once.
const MAX_CONNECTIONS: usize = 64;

/// The requests of one connection that are being answered.
#[derive(Clone, Default)]
pub(super) struct Busy(Arc<AtomicUsize>);

/// A request that is being answered. Its end is that of this value.
pub(super) struct Answering(Busy);

impl Busy {
    /// Begins to answer a request.
    pub(super) fn begin(&self) -> Answering {
        self.0.fetch_add(1, Ordering::Relaxed);
        Answering(self.clone())
    }

    fn is_busy(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The open connections, the oldest first.
#[derive(Default)]
pub(super) struct Connections {
    tasks: JoinSet<()>,
    open: VecDeque<(Busy, AbortHandle)>,
}

impl Connections {
    /// Serves one more connection. It may close another one, or itself where all are busy.
    pub(super) fn serve<F>(&mut self, serve: impl FnOnce(Busy) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        while self.tasks.try_join_next().is_some() {}
        self.open.retain(|(_, task)| !task.is_finished());
        if self.open.len() >= MAX_CONNECTIONS {
            let silent = self.open.iter().position(|(busy, _)| !busy.is_busy());
            match silent.and_then(|silent| self.open.remove(silent)) {
                Some((_, task)) => task.abort(),
                None => return,
            }
        }
        let busy = Busy::default();
        let task = self.tasks.spawn(serve(busy.clone()));
        self.open.push_back((busy, task));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::mpsc;

    /// Opens a connection that lasts until it is closed, busy or silent, and says its number when it ends.
    fn open(
        connections: &mut Connections,
        number: usize,
        is_busy: bool,
        ends: &mpsc::UnboundedSender<usize>,
    ) {
        struct Ends(usize, mpsc::UnboundedSender<usize>);
        impl Drop for Ends {
            fn drop(&mut self) {
                let _ = self.1.send(self.0);
            }
        }
        let ends = Ends(number, ends.clone());
        connections.serve(|busy| {
            let answering = is_busy.then(|| busy.begin());
            async move {
                let _both = (ends, answering);
                std::future::pending().await
            }
        });
    }

    #[tokio::test]
    async fn the_oldest_silent_connection_makes_room() {
        let (sender, mut ended) = mpsc::unbounded_channel();
        let mut connections = Connections::default();
        for number in 0..MAX_CONNECTIONS {
            open(&mut connections, number, number == 0, &sender);
        }
        for number in 0..2 {
            open(&mut connections, MAX_CONNECTIONS + number, true, &sender);
        }
        assert_eq!(ended.recv().await, Some(1));
        assert_eq!(ended.recv().await, Some(2));
        assert_eq!(connections.open.len(), MAX_CONNECTIONS);
    }

    #[tokio::test]
    async fn where_all_are_busy_the_newest_has_to_go() {
        let (sender, mut ended) = mpsc::unbounded_channel();
        let mut connections = Connections::default();
        for number in 0..=MAX_CONNECTIONS {
            open(&mut connections, number, true, &sender);
        }
        assert_eq!(ended.recv().await, Some(MAX_CONNECTIONS));
    }
}
