//! Ttl: how long a response may be used. The cache policy and the response's own fields say it; a plugin may say otherwise.

use super::exchange::{Job, PluginFailure};
use super::hooks::Hooks;
use selvedge_caching::Overrides;
use selvedge_runtime::{Hook, OnError, RequestFacts, ResponseFacts, Transaction, TtlDecision};
use std::sync::Arc;

/// Asks each plugin with a ttl hook; a later decision replaces what an earlier one said of the same thing.
///
/// # Errors
/// A plugin failed whose failure is the request's failure.
pub(crate) async fn decide(
    job: &Job,
    facts: &Arc<RequestFacts>,
    response: ResponseFacts,
    transaction: &mut Transaction,
    hooks: &mut Hooks,
) -> Result<Overrides, PluginFailure> {
    let mut deciding = Deciding::default();
    let plugins = job.behavior.plugins_with(Hook::Ttl);
    if plugins.is_empty() || job.key.is_none() {
        return Ok(deciding.overrides);
    }
    let response = Arc::new(response);
    for plugin in plugins {
        let called = transaction.ttl(plugin, facts, &response).await;
        match hooks.note(plugin, called) {
            Ok(decision) => deciding.take(hooks.calls.len() - 1, decision),
            Err(()) if plugin.on_error() == OnError::Continue => {}
            Err(()) => return Err(hooks.failed(Hook::Ttl)),
        }
    }
    for (call, by) in deciding.overruled() {
        let by = hooks.calls.get(by).map(|call| call.plugin.clone());
        if let Some(call) = hooks.calls.get_mut(call) {
            call.overruled_by = by;
        }
    }
    Ok(deciding.overrides)
}

/// Decisions of several plugins, while they are asked.
#[derive(Default)]
struct Deciding {
    overrides: Overrides,
    /// The calls that decided, in their order.
    made: Vec<Made>,
}

/// The parts that one decision set.
struct Made {
    call: usize,
    storing: Storing,
    while_revalidating: bool,
    on_error: bool,
    tags: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Storing {
    Dont,
    ForSoLong,
    /// Nothing: it set tags or windows of stale use only.
    AsItIs,
}

impl Deciding {
    fn take(&mut self, call: usize, decision: TtlDecision) {
        let overrides = &mut self.overrides;
        let made = match decision {
            TtlDecision::Policy => return,
            TtlDecision::DontStore => {
                overrides.dont_store = true;
                Made {
                    call,
                    storing: Storing::Dont,
                    while_revalidating: false,
                    on_error: false,
                    tags: false,
                }
            }
            TtlDecision::Set {
                lifetime,
                stale_while_revalidate,
                stale_if_error,
                tags,
            } => {
                let made = Made {
                    call,
                    storing: lifetime.map_or(Storing::AsItIs, |_| Storing::ForSoLong),
                    while_revalidating: stale_while_revalidate.is_some(),
                    on_error: stale_if_error.is_some(),
                    tags: !tags.is_empty(),
                };
                // Only what says for how long has a response stored that another plugin did not want stored.
                overrides.dont_store &= lifetime.is_none();
                overrides.lifetime = lifetime.or(overrides.lifetime);
                overrides.stale_while_revalidate =
                    stale_while_revalidate.or(overrides.stale_while_revalidate);
                overrides.stale_if_error = stale_if_error.or(overrides.stale_if_error);
                overrides.tags.extend(tags);
                made
            }
        };
        self.made.push(made);
    }

    /// The calls whose word on storing does not count, each with the one that counts in its place: the last that has such a
    /// word. A call of which anything else counts is not among them; what is not stored has no tags either.
    fn overruled(&self) -> Vec<(usize, usize)> {
        let has_word = |made: &&Made| made.storing != Storing::AsItIs;
        let Some(last) = self.made.iter().rfind(has_word) else {
            return Vec::new();
        };
        let is_overruled = |at: usize, made: &Made| match last.storing {
            _ if made.call == last.call => false,
            Storing::Dont => true,
            _ => {
                has_word(&made) && !made.counts_beside(self.made.get(at + 1..).unwrap_or_default())
            }
        };
        let made = self.made.iter().enumerate();
        made.filter(|(at, made)| is_overruled(*at, made))
            .map(|(_, made)| (made.call, last.call))
            .collect()
    }
}

impl Made {
    /// Returns true if tags or a window of it count, with these decisions after it.
    fn counts_beside(&self, later: &[Made]) -> bool {
        let is_last = |sets: fn(&Made) -> bool| sets(self) && !later.iter().any(sets);
        self.tags || is_last(|made| made.while_revalidating) || is_last(|made| made.on_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(lifetime: Option<u64>, tag: &str) -> TtlDecision {
        TtlDecision::Set {
            lifetime,
            stale_while_revalidate: None,
            stale_if_error: None,
            tags: vec![tag.to_owned()],
        }
    }

    fn of(decisions: impl IntoIterator<Item = TtlDecision>) -> Deciding {
        let mut deciding = Deciding::default();
        for (call, decision) in decisions.into_iter().enumerate() {
            deciding.take(call, decision);
        }
        deciding
    }

    #[test]
    fn tags_alone_store_nothing_that_another_plugin_did_not_want_stored() {
        let tagged = of([TtlDecision::DontStore, set(None, "t")]);
        assert!(tagged.overrides.dont_store);
        assert_eq!(tagged.overruled(), [(1, 0)]);
        let stored = of([TtlDecision::DontStore, set(Some(5), "t")]);
        assert!(!stored.overrides.dont_store);
        assert_eq!(stored.overrides.lifetime, Some(5));
        assert_eq!(stored.overruled(), [(0, 1)]);
    }

    #[test]
    fn the_last_word_on_storing_counts_in_place_of_those_before() {
        let twice = of([set(Some(1), "a"), TtlDecision::Policy, set(Some(2), "b")]);
        assert_eq!(twice.overrides.lifetime, Some(2));
        assert_eq!(twice.overrides.tags, ["a", "b"]);
        // Its tag counts.
        assert_eq!(twice.overruled(), []);
        let dont = of([set(Some(1), "a"), set(None, "b"), TtlDecision::DontStore]);
        assert!(dont.overrides.dont_store);
        assert_eq!(dont.overruled(), [(0, 2), (1, 2)]);
        let both = of([set(Some(1), "a"), set(None, "b")]);
        assert_eq!(both.overruled(), []);
    }

    #[test]
    fn a_decision_is_overruled_only_if_nothing_of_it_counts() {
        let lives = |lifetime, while_revalidating| TtlDecision::Set {
            lifetime: Some(lifetime),
            stale_while_revalidate: while_revalidating,
            stale_if_error: None,
            tags: Vec::new(),
        };
        assert_eq!(of([lives(1, None), lives(2, None)]).overruled(), [(0, 1)]);
        assert_eq!(of([lives(1, Some(9)), lives(2, None)]).overruled(), []);
        let all = of([lives(1, Some(9)), lives(2, None), lives(3, Some(8))]);
        assert_eq!(all.overruled(), [(0, 2), (1, 2)]);
        let dont = of([lives(1, Some(9)), TtlDecision::DontStore]);
        assert_eq!(dont.overruled(), [(0, 1)]);
    }
}
