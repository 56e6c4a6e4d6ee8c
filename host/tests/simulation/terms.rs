//! On which terms the origin's answers may be used, worked out anew: shares no code with the host.

use crate::content::{DEFAULT_TTL, ERROR_MIN_TTL, MAX_TTL, Policy, RESOURCES, Validator};
use crate::origin::Exchange;
use crate::state::Hook;

/// How an origin let down a request.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Trouble {
    /// It gave no response.
    pub(crate) is_disconnected: bool,
    /// It answered with a server error.
    pub(crate) is_error: bool,
    /// It was down, and has not answered anybody since: the host may take it to be down still.
    pub(crate) was_down: bool,
}

impl Exchange {
    fn policy(&self) -> Policy {
        RESOURCES[self.resource].policy
    }

    /// Milliseconds of age when it was sent.
    fn initial_age(&self) -> u64 {
        self.state.age * 1000
    }

    /// RFC 9111, section 4.2.3.
    pub(crate) fn age(&self, now: u64) -> u64 {
        (self.initial_age() + now.saturating_sub(self.at)) / 1000
    }

    /// Until a soft invalidation, if there was one: from then on it is stale.
    fn lifetime(&self) -> u64 {
        let lifetime = self.given_lifetime();
        self.softened
            .map_or(lifetime, |at| lifetime.min(self.age(at)))
    }

    /// The plugin's decision about it, which outranks the origin and the policy.
    fn hook(&self) -> Hook {
        match self.policy() {
            Policy::Plugged => self.state.hook,
            _ => Hook::Policy,
        }
    }

    fn has_plugins_lifetime(&self) -> bool {
        matches!(self.hook(), Hook::Lifetime(_))
    }

    /// RFC 9111, section 4.2.1, within the policy's bounds.
    fn given_lifetime(&self) -> u64 {
        if let Hook::Lifetime(seconds) = self.hook() {
            return seconds + self.initial_age() / 1000;
        }
        let is_error = self.status >= 400;
        let said = self.state.said;
        let implicit = match self.policy() {
            _ if is_error => 0,
            Policy::Default => DEFAULT_TTL,
            _ if RESOURCES[self.resource].validator == Validator::Modified => {
                (self.at / 1000).saturating_sub(self.modified / 1000) / 10
            }
            _ => 0,
        };
        let lifetime = said
            .s_maxage
            .or(said.max_age)
            .unwrap_or(implicit)
            .min(MAX_TTL);
        if is_error && self.policy() == Policy::Default {
            return lifetime.max(ERROR_MIN_TTL + self.initial_age() / 1000);
        }
        lifetime
    }

    /// Seconds of freshness that are left.
    pub(crate) fn ttl(&self, now: u64) -> i64 {
        self.lifetime() as i64 - self.age(now) as i64
    }

    /// Returns true if anybody but the one it was sent to may see it.
    pub(crate) fn may_be_shared(&self) -> bool {
        match self.hook() {
            Hook::Policy => !self.state.said.no_store && !self.state.said.private,
            Hook::Lifetime(_) => true,
            Hook::DontStore => false,
        }
    }

    fn may_be_stale(&self) -> bool {
        let said = self.state.said;
        !said.must_revalidate && (said.s_maxage.is_none() || self.has_plugins_lifetime())
    }

    fn is_reusable(&self) -> bool {
        self.may_be_shared() && (!self.state.said.no_cache || self.has_plugins_lifetime())
    }

    pub(crate) fn is_fresh(&self, now: u64) -> bool {
        self.is_reusable() && self.ttl(now) > 0 && self.softened.is_none()
    }

    /// RFC 5861, section 3.
    pub(crate) fn is_usable_while_refreshed(&self, now: u64) -> bool {
        let window = self.state.said.stale_while_revalidate;
        self.is_reusable() && self.may_be_stale() && is_within(window, self.ttl(now))
    }

    /// RFC 5861, section 4, and RFC 9111, section 4.2.4.
    pub(crate) fn is_usable_despite(&self, trouble: Trouble, now: u64) -> bool {
        let said = self.state.said;
        let ttl = self.ttl(now);
        let windows = [said.stale_if_error, said.stale_while_revalidate];
        let by_window = windows.into_iter().any(|window| is_within(window, ttl));
        let is_disconnected = trouble.is_disconnected || trouble.was_down;
        let by_disconnection =
            is_disconnected && said.stale_if_error.is_none() && is_within(Some(MAX_TTL), ttl);
        self.is_reusable()
            && self.may_be_stale()
            && (is_disconnected || trouble.is_error)
            && (by_window || by_disconnection)
    }

    /// The viewer's `max-stale`.
    pub(crate) fn is_stale_by_at_most(&self, seconds: u64, now: u64) -> bool {
        self.is_reusable() && self.may_be_stale() && self.ttl(now).min(0).unsigned_abs() <= seconds
    }
}

fn is_within(window: Option<u64>, ttl: i64) -> bool {
    window.is_some_and(|window| ttl.min(0).unsigned_abs() < window.min(MAX_TTL))
}
