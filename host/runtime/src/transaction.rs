//! A transaction and its hook calls: get an instance, give it the facts, call, bound it, and name what went wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;

use crate::error::HookError;
use crate::facts::{Read, RequestFacts, ResponseFacts};
use crate::hooks::call::{HookCall, Refused, Replay, replay};
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::start::{made_of, name_failure, within_limits};
use crate::time::CallTime;

/// Outcome of a hook call.
#[derive(Debug)]
pub struct Called<T> {
    /// The decision, or why there is none.
    pub decision: Result<T, HookError>,
    /// Time on the clock, making the instance included; zero where the decision was remembered.
    pub elapsed: Duration,
    /// Reads that the decision was based on, each once, in the order of reading. Empty if the call hit its wall time.
    pub reads: Vec<Read>,
    /// True if the decision was remembered: the plugin was not called.
    pub remembered: bool,
}

impl<T> Called<T> {
    /// Returns the outcome with another form of the decision.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Called<U> {
        Called {
            decision: self.decision.map(change),
            elapsed: self.elapsed,
            reads: self.reads,
            remembered: self.remembered,
        }
    }
}

/// One side of a request: the viewer's, or the fetch's. It holds at most one instance of each plugin, made on first use,
/// released when the transaction is dropped.
#[derive(Default)]
pub struct Transaction {
    instances: Vec<(Arc<Plugin>, Instance)>,
    /// Calls that were not made, since their decisions are remembered.
    skipped: SmallVec<[Skipped; 2]>,
}

/// A call whose decision was remembered. Its plugin has no instance yet; when a later hook needs one, this runs first.
struct Skipped {
    plugin: Arc<Plugin>,
    replay: Replay,
    request: Arc<RequestFacts>,
}

impl Transaction {
    /// A transaction without any instance yet.
    pub fn new() -> Transaction {
        Transaction::default()
    }

    /// Gives the plugin's instance back before the transaction ends: no more of its hooks will run.
    pub fn release(&mut self, plugin: &Arc<Plugin>) {
        self.skipped
            .retain(|call| !Arc::ptr_eq(&call.plugin, plugin));
        if let Some(instance) = self.take(plugin) {
            plugin.give_back(instance);
        }
    }

    pub(crate) fn take(&mut self, plugin: &Arc<Plugin>) -> Option<Instance> {
        let position = self
            .instances
            .iter()
            .position(|(held, _)| Arc::ptr_eq(held, plugin))?;
        Some(self.instances.swap_remove(position).1)
    }

    /// The decision that the plugin would give, where it is remembered; the plugin is not called.
    pub(crate) fn recall<C: HookCall>(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
    ) -> Option<Called<Arc<C::Decision>>> {
        if self.has_met(plugin) {
            return None;
        }
        let known = C::recall(plugin, request)?;
        plugin.counters().count_remembered();
        self.skipped.push(Skipped {
            plugin: plugin.clone(),
            replay: replay::<C>,
            request: request.clone(),
        });
        Some(Called {
            decision: Ok(known.decision),
            elapsed: Duration::ZERO,
            reads: known.reads,
            remembered: true,
        })
    }

    /// Calls one hook. An instance that fails, or whose caller goes away, is not used again.
    pub(crate) async fn call<C: HookCall>(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
        response: Option<&Arc<ResponseFacts>>,
    ) -> Called<C::Decision> {
        let started = Instant::now();
        let fresh = !self.has_met(plugin);
        let admitted = plugin.admit(started);
        let finished = match &admitted {
            // On the heap: the futures of requests hold one for each hook, and are moved.
            Ok(_) => Box::pin(self.finish::<C>(plugin, request, response)).await,
            Err(error) => Err(error.clone()),
        };
        let Finished {
            decision,
            reads,
            instance,
            viewer_broke_off,
        } = finished.unwrap_or_else(Finished::failed);
        if let Some(instance) = instance {
            if let Ok(decision) = &decision
                && fresh
                && instance.calls == 1
            {
                C::keep(plugin, request, &reads, decision);
            }
            self.instances.push((plugin.clone(), instance));
        }
        plugin.counters().count_call(&decision);
        // What a call makes of a viewer that broke off says nothing about the plugin.
        if let Ok(admitted) = admitted
            && !viewer_broke_off
        {
            plugin.ended(admitted, &decision);
        }
        Called {
            decision,
            elapsed: started.elapsed(),
            reads,
            remembered: false,
        }
    }

    /// Returns true if the plugin was asked in this transaction, so that its instance may not be as it was at first.
    fn has_met(&self, plugin: &Arc<Plugin>) -> bool {
        let held = self.instances.iter().map(|(held, _)| held);
        let skipped = self.skipped.iter().map(|call| &call.plugin);
        held.chain(skipped).any(|met| Arc::ptr_eq(met, plugin))
    }

    /// Runs a call in the plugin's instance, which is brought to where it would be if no call had been skipped.
    async fn finish<C: HookCall>(
        &mut self,
        plugin: &Arc<Plugin>,
        request: &Arc<RequestFacts>,
        response: Option<&Arc<ResponseFacts>>,
    ) -> Result<Finished<C::Decision>, HookError> {
        if !plugin.has(C::HOOK) {
            return Err(HookError::NoHook(C::HOOK));
        }
        let mut held = self.take(plugin).or_else(|| plugin.take_idle());
        // One at most: what follows it is not recalled.
        let skipped = self
            .skipped
            .iter()
            .position(|call| Arc::ptr_eq(&call.plugin, plugin));
        if let Some(position) = skipped {
            let call = self.skipped.swap_remove(position);
            held = Some(catch_up(plugin, held, &call).await?);
        }
        bounded::<C>(plugin, held, request, response).await
    }
}

impl Drop for Transaction {
    fn drop(&mut self) {
        for (plugin, instance) in self.instances.drain(..) {
            plugin.give_back(instance);
        }
    }
}

impl std::fmt::Debug for Transaction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list()
            .entries(self.instances.iter().map(|(plugin, _)| plugin.name()))
            .finish()
    }
}

/// A call that came to its end, well or badly.
struct Finished<T> {
    decision: Result<T, HookError>,
    reads: Vec<Read>,
    /// The instance, if it may be used again.
    instance: Option<Instance>,
    viewer_broke_off: bool,
}

impl<T> Finished<T> {
    fn failed(error: HookError) -> Finished<T> {
        Finished {
            decision: Err(error),
            reads: Vec::new(),
            instance: None,
            viewer_broke_off: false,
        }
    }
}

/// Runs a call under its limits of CPU time and wall time.
async fn bounded<C: HookCall>(
    plugin: &Plugin,
    held: Option<Instance>,
    request: &Arc<RequestFacts>,
    response: Option<&Arc<ResponseFacts>>,
) -> Result<Finished<C::Decision>, HookError> {
    let time = held
        .as_ref()
        .map(|instance| instance.store.data().time.clone())
        .unwrap_or_default();
    let call = async {
        let instance = made(plugin, held, &time).await?;
        Ok(invoke::<C>(plugin, instance, request, response).await)
    };
    within_limits(plugin, &time, call).await
}

/// The instance that is there, or a fresh one.
async fn made(
    plugin: &Plugin,
    held: Option<Instance>,
    time: &Arc<CallTime>,
) -> Result<Instance, HookError> {
    match held {
        Some(instance) => Ok(instance),
        None => made_of(plugin, plugin.linked(), time).await,
    }
}

/// Makes a call that was skipped, under the limits that it would have had.
async fn catch_up(
    plugin: &Plugin,
    held: Option<Instance>,
    skipped: &Skipped,
) -> Result<Instance, HookError> {
    let time = held
        .as_ref()
        .map(|instance| instance.store.data().time.clone())
        .unwrap_or_default();
    let call = async {
        let mut instance = made(plugin, held, &time).await?;
        instance.calls = instance.calls.saturating_add(1);
        instance.begin(&skipped.request, None);
        let returned = (skipped.replay)(&mut instance).await;
        let stderr = instance.stderr_of(&returned);
        instance.end();
        let refused = instance.store.data().growth.refused;
        returned
            .map_err(|error| name_failure(plugin, &error, &stderr, refused, false))
            .map(|()| instance)
    };
    within_limits(plugin, &time, call).await
}

/// Calls the export.
async fn invoke<C: HookCall>(
    plugin: &Plugin,
    mut instance: Instance,
    request: &Arc<RequestFacts>,
    response: Option<&Arc<ResponseFacts>>,
) -> Finished<C::Decision> {
    instance.calls = instance.calls.saturating_add(1);
    instance.begin(request, response);
    let returned = C::run(&mut instance).await;
    let stderr = instance.stderr_of(&returned);
    let reads = instance.end();
    let limits = plugin.limits();
    let (decision, sound) = match returned {
        Ok(Ok(decision)) if C::size(&decision) > limits.output_bytes => (
            Err(HookError::OutputLimit {
                limit: limits.output_bytes,
            }),
            // A body that is not taken would stay in the instance.
            !C::holds_instance(&decision),
        ),
        Ok(Ok(decision)) if C::body_size(&decision) > limits.body_bytes => (
            Err(HookError::BodyLimit {
                limit: limits.body_bytes,
            }),
            true,
        ),
        Ok(Ok(decision)) => (Ok(decision), true),
        Ok(Err(Refused::Guest(message))) => (Err(instance.said(&message)), true),
        Ok(Err(Refused::Fault(fault))) => {
            let fault = fault.printable(plugin.masks());
            (Err(HookError::BadDecision(fault)), true)
        }
        Err(error) => (
            Err(name_failure(
                plugin,
                &error,
                &stderr,
                instance.store.data().growth.refused,
                C::RETURNS_CONTENT,
            )),
            false,
        ),
    };
    Finished {
        decision,
        reads,
        viewer_broke_off: instance.store.data().viewer_broke_off,
        instance: sound.then_some(instance),
    }
}
