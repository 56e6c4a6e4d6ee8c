//! The cache policy of a behavior, as far as the rules need it.

/// Whose habits decide where RFC 9111 and CloudFront differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compatibility {
    /// RFC 9111.
    #[default]
    Selvedge,
    /// What CloudFront does: a minimum lifetime overrides `private` and `no-store`, and so on.
    Cloudfront,
}

/// How long responses may be used, within what the origin says, and what bounds hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// Seconds for which every stored response is used at least.
    pub min_ttl: u64,
    /// Seconds for a response without freshness of its own; 0 leaves it to the heuristics of RFC 9111, section 4.2.2.
    pub default_ttl: u64,
    /// Seconds for which a stored response is used at most.
    pub max_ttl: u64,
    /// Seconds for which an error response (400 and above) is used at least.
    pub error_min_ttl: u64,
    /// Whether the Cache-Control and Pragma of a request count (RFC 9111, section 5.2.1).
    pub honor_viewer_cache_control: bool,
    /// Whose habits decide.
    pub compatibility: Compatibility,
    /// Bytes of a cache key at most; a request with a longer one passes the cache by.
    pub max_key_bytes: usize,
    /// Variants stored for one key at most.
    pub max_variants: usize,
    /// Tags kept for one stored response at most.
    pub max_tags: usize,
    /// Bytes of stored fields at most; a response with more is not stored.
    pub max_field_bytes: usize,
    /// The response field that carries the tags, lower case; `None` where the origin sends none.
    pub tag_field: Option<http::HeaderName>,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            min_ttl: 0,
            default_ttl: 86_400,
            max_ttl: 31_536_000,
            error_min_ttl: 10,
            honor_viewer_cache_control: false,
            compatibility: Compatibility::Selvedge,
            max_key_bytes: 32 * 1024,
            max_variants: 64,
            max_tags: 128,
            max_field_bytes: 32 * 1024,
            tag_field: None,
        }
    }
}
