//! The terms on which a shared cache may store a response (RFC 9111, section 3): its lifetime, its windows of stale use,
//! whether each use needs validation, or why it may not be stored at all.
//!
//! One set of terms holds when a response is stored and when a stored one is freshened. Where RFC 9111 and CloudFront differ,
//! the policy's compatibility decides here.

use crate::age;
use crate::directives::Directives;
use crate::freshness;
use crate::lifetime::{Lifetime, LifetimeSource};
use crate::message::{Request, Response};
use crate::no_store::NoStore;
use crate::overrides::Overrides;
use crate::policy::{Compatibility, Policy};
use crate::stored::{Nominated, StoredDirectives};
use crate::targeted::{self, DirectivesFrom};
use crate::vary;
use http::header::{AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, StatusCode};

/// The terms on which a response is stored.
pub(crate) struct Terms {
    pub(crate) lifetime: Lifetime,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    pub(crate) directives: StoredDirectives,
    pub(crate) vary: Vec<Nominated>,
    /// Fields that `private` and `no-cache` keep out (RFC 9111, sections 5.2.2.4 and 5.2.2.7).
    pub(crate) left_out: Vec<HeaderName>,
    pub(crate) initial_age_ms: u64,
}

impl Terms {
    /// The terms that the request, the response, the policy and the ttl hook allow together (RFC 9111, section 3).
    pub(crate) fn of(
        request: &Request<'_>,
        received: &Response<'_>,
        policy: &Policy,
        overrides: &Overrides,
    ) -> Result<Terms, NoStore> {
        if policy.max_ttl == 0 && overrides.lifetime.is_none() {
            return Err(NoStore::Disabled);
        }
        let (said, from) = targeted::directives(received.fields);
        let initial_age_ms = age::initial_age_ms(received);
        let exchange = Exchange {
            request,
            received,
            policy,
            said: &said,
            from,
        };
        let (lifetime, no_cache) = match overrides.lifetime {
            Some(seconds) => (by_plugin(seconds, initial_age_ms), false),
            None => exchange.lifetime(initial_age_ms)?,
        };
        let window = |plugin: Option<u64>, said: Option<u64>| {
            plugin.or(said.map(|said| said.min(policy.max_ttl)))
        };
        let stale_if_error = window(overrides.stale_if_error, said.stale_if_error);
        let stale_while_revalidate = window(
            overrides.stale_while_revalidate,
            said.stale_while_revalidate,
        );
        Ok(Terms {
            lifetime,
            stale_while_revalidate,
            stale_if_error,
            directives: StoredDirectives {
                no_cache,
                must_revalidate: said.must_revalidate,
                // RFC 9111, section 5.2.2.10: s-maxage includes proxy-revalidate. CloudFront does not hold to that.
                proxy_revalidate: said.proxy_revalidate
                    || (said.s_maxage.is_some()
                        && overrides.lifetime.is_none()
                        && policy.compatibility == Compatibility::Selvedge),
                immutable: said.immutable,
            },
            vary: nominated(request, received.fields, policy)?,
            left_out: [said.private.fields(), said.no_cache.fields()].concat(),
            initial_age_ms,
        })
    }
}

fn by_plugin(seconds: u64, initial_age_ms: u64) -> Lifetime {
    Lifetime {
        seconds: freshness::from_arrival(seconds, initial_age_ms),
        source: LifetimeSource::Plugin,
    }
}

/// CloudFront's cache knows no Vary: its key is the policy's.
fn nominated(
    request: &Request<'_>,
    fields: &HeaderMap,
    policy: &Policy,
) -> Result<Vec<Nominated>, NoStore> {
    match (vary::nominated(request, fields), policy.compatibility) {
        (Some(nominated), Compatibility::Selvedge) => Ok(nominated),
        (Some(_), Compatibility::Cloudfront) => Ok(Vec::new()),
        (None, Compatibility::Cloudfront) if policy.min_ttl > 0 => Ok(Vec::new()),
        (None, _) => Err(NoStore::VaryStar),
    }
}

/// An exchange whose own fields give the terms, since no ttl hook has.
struct Exchange<'a> {
    request: &'a Request<'a>,
    received: &'a Response<'a>,
    policy: &'a Policy,
    said: &'a Directives,
    from: DirectivesFrom,
}

impl Exchange<'_> {
    /// Returns the lifetime, and true if each use needs validation.
    fn lifetime(&self, initial_age_ms: u64) -> Result<(Lifetime, bool), NoStore> {
        if let Some(forbidden) = self.forbidden() {
            return match self.despite(forbidden)? {
                Despite::Validated => Ok((Lifetime::NONE, true)),
                Despite::Used => Ok((
                    freshness::bounded(Lifetime::NONE, self.received, initial_age_ms, self.policy),
                    false,
                )),
            };
        }
        self.authorized()?;
        let lifetime = match freshness::explicit(self.received, self.said, self.from) {
            Some(lifetime) => {
                if lifetime.seconds == 0 {
                    self.without_cookie()?;
                }
                lifetime
            }
            None => self.implicit()?,
        };
        Ok((
            freshness::bounded(lifetime, self.received, initial_age_ms, self.policy),
            false,
        ))
    }

    /// The directive that forbids storing, or use without validation.
    fn forbidden(&self) -> Option<Forbidden> {
        if self.said.must_understand && !is_understood(self.received.status) {
            return Some(Forbidden::Stored(NoStore::MustUnderstand));
        }
        // RFC 9111, section 5.2.2.3: with must-understand, no-store is for caches that don't understand.
        // A field that can't be read as a whole takes no restriction back.
        if self.said.no_store && (!self.said.must_understand || self.said.limit.is_some()) {
            return Some(Forbidden::Stored(NoStore::NoStore));
        }
        if self.said.private.is_all() {
            return Some(Forbidden::Stored(NoStore::Private));
        }
        self.said
            .no_cache
            .is_all()
            .then_some(Forbidden::Unvalidated)
    }

    /// The use of a response that the origin does not want to be used. RFC 9111 obeys. CloudFront keeps it for the policy's
    /// minimum if there is one, and keeps server errors in any case.
    fn despite(&self, forbidden: Forbidden) -> Result<Despite, NoStore> {
        if self.policy.compatibility == Compatibility::Cloudfront {
            let used = match self.received.status.as_u16() {
                500 | 502 | 503 | 504 => self.policy.error_min_ttl.of(self.received.status) > 0,
                400.. => false,
                _ => self.policy.min_ttl > 0,
            };
            if used {
                // CloudFront keys or drops Authorization; here it reaches the origin outside the key.
                self.authorized()?;
                return Ok(Despite::Used);
            }
        }
        match forbidden {
            Forbidden::Stored(why) => Err(why),
            Forbidden::Unvalidated => {
                self.authorized()?;
                self.without_cookie()?;
                Ok(Despite::Validated)
            }
        }
    }

    /// RFC 9111, section 3.5. A field that can't be read as a whole gives no leave.
    fn authorized(&self) -> Result<(), NoStore> {
        let shared =
            (self.said.public || self.said.must_revalidate || self.said.s_maxage.is_some())
                && self.said.limit.is_none();
        if self.request.fields.contains_key(AUTHORIZATION) && !shared {
            return Err(NoStore::Authorization);
        }
        Ok(())
    }

    /// The lifetime of a response that does not give one.
    fn implicit(&self) -> Result<Lifetime, NoStore> {
        self.without_cookie()?;
        let status = self.received.status;
        if freshness::is_assumed_fresh(status, self.said.public, self.policy) {
            return Ok(freshness::implicit(self.received, self.policy));
        }
        // The policy's minimum for errors will be its lifetime.
        if freshness::is_error(status) && self.policy.error_min_ttl.of_silent(status) > 0 {
            return Ok(Lifetime::NONE);
        }
        Err(NoStore::NoFreshness)
    }

    /// A cookie belongs to one visitor unless the response says that it may be shared. CloudFront shares it.
    fn without_cookie(&self) -> Result<(), NoStore> {
        if self.policy.compatibility == Compatibility::Cloudfront {
            return Ok(());
        }
        let left_out = self.said.private.fields().contains(&SET_COOKIE)
            || self.said.no_cache.fields().contains(&SET_COOKIE);
        if self.received.fields.contains_key(SET_COOKIE) && !left_out {
            return Err(NoStore::SetCookie);
        }
        Ok(())
    }
}

enum Forbidden {
    /// Storing is forbidden.
    Stored(NoStore),
    /// Use without validation is forbidden.
    Unvalidated,
}

enum Despite {
    /// It is stored and validated at each use.
    Validated,
    /// It is stored and used as long as the policy's minimum says.
    Used,
}

/// The final status codes of RFC 9110, whose caching requirements this cache meets.
const fn is_understood(status: StatusCode) -> bool {
    matches!(
        status.as_u16(),
        200..=206 | 300..=305 | 307..=308 | 400..=417 | 421 | 422 | 426 | 500..=505
    )
}

#[cfg(test)]
mod tests;
