//! The thread that makes snapshots, one at a time.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::Linker;

use super::candidate::{MakeSnapshot, NoSnapshot};
use super::make::{self, Maker};
use crate::options::Options;
use crate::plugin::Plugin;
use crate::state::State;

/// Makes snapshots, one at a time.
pub(crate) struct Snapshots {
    maker: Arc<Maker>,
    /// To the thread that makes them, which is started when the first one is asked for and ends with this.
    asked: Mutex<Option<Sender<Weak<Plugin>>>>,
}

impl Snapshots {
    pub(crate) fn new(
        engine: &Engine,
        linker: &Arc<Linker<State>>,
        options: &Arc<Options>,
    ) -> Snapshots {
        Snapshots {
            maker: Arc::new(Maker {
                engine: engine.clone(),
                linker: linker.clone(),
                options: options.clone(),
                taken: Arc::default(),
            }),
            asked: Mutex::new(None),
        }
    }

    fn ask(&self, plugin: Weak<Plugin>) {
        let mut asked = self.asked.lock();
        if asked.is_none() {
            *asked = self.start();
        }
        if let Some(asked) = &*asked {
            // The thread ends only when no plugin can ask.
            let _ = asked.send(plugin);
        }
    }

    fn start(&self) -> Option<Sender<Weak<Plugin>>> {
        let maker = self.maker.clone();
        let (send, receive) = channel();
        let started = std::thread::Builder::new()
            .name("snapshots".to_owned())
            .spawn(move || work(&maker, &receive));
        match started {
            Ok(_) => Some(send),
            Err(error) => {
                tracing::debug!(target: "plugin", "no thread to run `init` once for all: {error}");
                None
            }
        }
    }

    /// Makes one at once.
    fn make(&self, plugin: &Plugin) -> Result<(), NoSnapshot> {
        // On a thread of its own, since the caller may be inside of an async runtime.
        let made = std::thread::scope(|scope| scope.spawn(|| one(&self.maker, plugin)).join());
        made.unwrap_or_else(|_| Err(NoSnapshot::Failed("it panicked".to_owned())))
    }
}

/// The snapshot of one plugin.
pub(crate) struct SnapshotOf {
    pub(crate) snapshots: Arc<Snapshots>,
    pub(crate) plugin: Weak<Plugin>,
}

impl MakeSnapshot for SnapshotOf {
    fn ask(&self) {
        self.snapshots.ask(self.plugin.clone());
    }

    fn make(&self) -> Result<(), NoSnapshot> {
        let plugin = self.plugin.upgrade().ok_or(NoSnapshot::NotFor)?;
        self.snapshots.make(&plugin)
    }
}

/// Makes snapshots until no plugin can ask any more.
fn work(maker: &Maker, asked: &Receiver<Weak<Plugin>>) {
    while let Ok(plugin) = asked.recv() {
        // A plugin that is not loaded any more needs none.
        if let Some(plugin) = plugin.upgrade() {
            match one(maker, &plugin) {
                Ok(()) => {
                    let (name, distribution) = (plugin.name(), plugin.distribution());
                    tracing::debug!(target: "plugin", plugin = name, distribution, "`init` has run once for all instances");
                }
                Err(why) => why.say(plugin.identity()),
            }
        }
    }
}

fn one(maker: &Maker, plugin: &Plugin) -> Result<(), NoSnapshot> {
    let candidate = plugin.candidate().ok_or(NoSnapshot::NotFor)?;
    if candidate.begun().is_some() {
        return Ok(());
    }
    if let Some(why) = candidate.ruled_out.get() {
        return Err(why.clone());
    }
    // A compiler of this process may panic on odd files; it leaves nothing behind.
    let make = std::panic::AssertUnwindSafe(|| make::made(maker, plugin, candidate));
    let made = std::panic::catch_unwind(make)
        .unwrap_or_else(|_| Err(NoSnapshot::Failed("it panicked".to_owned())));
    candidate.settle(made)
}
