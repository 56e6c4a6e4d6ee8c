//! The decision of a ttl hook about a response.

/// A ttl hook's decision. The default leaves everything to the policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Seconds from its arrival for which the response is fresh, whatever the response and the policy say.
    pub lifetime: Option<u64>,
    /// Seconds after that in which it may be used while it is fetched anew.
    pub stale_while_revalidate: Option<u64>,
    /// Seconds after that in which it may be used when the origin fails.
    pub stale_if_error: Option<u64>,
    /// Tags beside those of the response.
    pub tags: Vec<String>,
    /// Do not store the response.
    pub dont_store: bool,
}
