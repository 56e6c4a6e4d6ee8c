//! A transaction and its hook calls: get an instance, give it the facts, call, bound it, and name what went wrong.

use std::sync::Arc;
use std::time::{Duration, Instant};

use smallvec::SmallVec;
use tokio::time::timeout;

use crate::error::HookError;
use crate::facts::{Read, RequestFacts, ResponseFacts};
use crate::hooks::{self, HookCall, Refused};
use crate::instance::{Instance, NotMade};
use crate::limits::{CpuTime, Growing};
use crate::plugin::{Linked, Plugin};
use crate::runtime::Runtime;
use crate::spec::Hook;
use crate::trap::{Circumstances, explain};

/// What a hook call came to.
#[derive(Debug)]
pub struct Called<T> {
    /// The decision, or why there is none.
    pub decision: Result<T, HookError>,
    /// Time on the clock, making the instance included; zero where the decision was remembered.
    pub elapsed: Duration,
    /// What the decision was based on, each once, in the order of reading. Empty where the call hit its wall time.
    pub reads: Vec<Read>,
    /// Whether the decision was remembered: the plugin was not called.
    pub remembered: bool,
}

impl<T> Called<T> {
    /// The same with another form of the decision.
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
    hook: Hook,
    request: Arc<RequestFacts>,
}

impl Transaction {
    /// A transaction without any instance yet.
    pub fn new(_runtime: &Arc<Runtime>) -> Transaction {
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
            hook: C::HOOK,
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
        let (decision, reads, instance) = match finished {
            Ok(Finished {
                decision,
                reads,
                instance,
            }) => (decision, reads, instance),
            Err(error) => (Err(error), Vec::new(), None),
        };
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
        if let Ok(admitted) = admitted {
            plugin.ended(admitted, &decision);
        }
        Called {
            decision,
            elapsed: started.elapsed(),
            reads,
            remembered: false,
        }
    }

    /// Whether the plugin was asked in this transaction, so that its instance may not be as it was at first.
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
}

/// Runs a call under its limits of CPU time and wall time.
async fn bounded<C: HookCall>(
    plugin: &Plugin,
    held: Option<Instance>,
    request: &Arc<RequestFacts>,
    response: Option<&Arc<ResponseFacts>>,
) -> Result<Finished<C::Decision>, HookError> {
    let cpu = held
        .as_ref()
        .map(|instance| instance.store.data().cpu.clone())
        .unwrap_or_default();
    let call = async {
        let instance = made(plugin, held, &cpu).await?;
        Ok(invoke::<C>(plugin, instance, request, response).await)
    };
    within_limits(plugin, &cpu, call).await
}

/// The instance that is there, or a fresh one.
async fn made(
    plugin: &Plugin,
    held: Option<Instance>,
    cpu: &Arc<CpuTime>,
) -> Result<Instance, HookError> {
    match held {
        Some(instance) => Ok(instance),
        None => made_of(plugin, plugin.linked(), cpu).await,
    }
}

/// A fresh instance.
pub(crate) async fn made_of(
    plugin: &Plugin,
    linked: &Arc<Linked>,
    cpu: &Arc<CpuTime>,
) -> Result<Instance, HookError> {
    Instance::make(plugin, linked, cpu.clone())
        .await
        .map_err(|not_made| why_not(plugin, not_made))
}

/// Makes a call that was skipped, under the limits that it would have had.
async fn catch_up(
    plugin: &Plugin,
    held: Option<Instance>,
    skipped: &Skipped,
) -> Result<Instance, HookError> {
    let cpu = held
        .as_ref()
        .map(|instance| instance.store.data().cpu.clone())
        .unwrap_or_default();
    let call = async {
        let mut instance = made(plugin, held, &cpu).await?;
        instance.calls = instance.calls.saturating_add(1);
        instance.begin(&skipped.request, None);
        let returned = hooks::run_remembered(skipped.hook, &mut instance).await;
        let stderr = instance.stderr_of(&returned);
        instance.end();
        let refused = instance.store.data().growth.refused;
        returned
            .map_err(|error| name_failure(plugin, &error, &stderr, refused, false))
            .map(|()| instance)
    };
    within_limits(plugin, &cpu, call).await
}

/// Runs what runs a guest.
pub(crate) async fn within_limits<T>(
    plugin: &Plugin,
    cpu: &CpuTime,
    call: impl Future<Output = Result<T, HookError>>,
) -> Result<T, HookError> {
    let limit = plugin.limits().wall;
    let _running = plugin.ticker().run();
    timeout(limit, cpu.count(call))
        .await
        .unwrap_or(Err(HookError::WallLimit { limit }))
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
        instance: sound.then_some(instance),
    }
}

fn why_not(plugin: &Plugin, not_made: NotMade) -> HookError {
    match not_made {
        NotMade::NoRoom => HookError::NoInstance {
            limit: plugin.share_of_instances(),
        },
        NotMade::Refused(message) => HookError::InitRefused(message),
        NotMade::Failed {
            error,
            stderr,
            refused,
        } => name_failure(plugin, &error, &stderr, refused, false),
    }
}

pub(crate) fn name_failure(
    plugin: &Plugin,
    error: &wasmtime::Error,
    stderr: &[u8],
    refused: Option<Growing>,
    returns_content: bool,
) -> HookError {
    let limits = plugin.limits();
    explain(
        error,
        &Circumstances {
            limits,
            stderr,
            refused,
            instances: plugin.max_instances(),
            returns_content,
        },
    )
}

/// Makes an instance and looks at the types of its hooks, under the same limits as a call.
pub(crate) async fn try_start(plugin: &Plugin, linked: &Arc<Linked>) -> Result<(), HookError> {
    let cpu = Arc::new(CpuTime::default());
    let start = async {
        let mut instance = made_of(plugin, linked, &cpu).await?;
        hooks::check_types(&mut instance).map_err(|error| HookError::Trap(format!("{error:#}")))
    };
    within_limits(plugin, &cpu, start).await
}
