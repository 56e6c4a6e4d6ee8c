//! A freshness lifetime and its source.

/// The source of a freshness lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LifetimeSource {
    /// Nothing says that the response is fresh at any time.
    None,
    /// A ttl hook's decision.
    Plugin,
    /// Selvedge-CDN-Cache-Control.
    SelvedgeCdnCacheControl,
    /// CDN-Cache-Control (RFC 9213).
    CdnCacheControl,
    /// `s-maxage` of Cache-Control.
    SMaxage,
    /// `max-age` of Cache-Control.
    MaxAge,
    /// Expires.
    Expires,
    /// The policy's default.
    Default,
    /// A tenth of the time since Last-Modified (RFC 9111, section 4.2.2).
    Heuristic,
    /// The policy's minimum, which is more than the response says.
    Minimum,
    /// The policy's minimum for error responses, which is more than the response says.
    ErrorMinimum,
    /// The policy's maximum, which is less than the response says.
    Maximum,
    /// The limit that a field which can't be read leaves (RFC 9111, section 4.2.1).
    Unreadable,
    /// Retry-After of a 429.
    RetryAfter,
}

impl LifetimeSource {
    /// Returns true if the response itself, or a plugin, says how long it is fresh.
    pub const fn is_explicit(self) -> bool {
        !matches!(
            self,
            LifetimeSource::None
                | LifetimeSource::Default
                | LifetimeSource::Heuristic
                | LifetimeSource::Minimum
                | LifetimeSource::ErrorMinimum
                | LifetimeSource::Unreadable
                | LifetimeSource::RetryAfter
        )
    }

    const ALL: [LifetimeSource; 14] = [
        LifetimeSource::None,
        LifetimeSource::Plugin,
        LifetimeSource::SelvedgeCdnCacheControl,
        LifetimeSource::CdnCacheControl,
        LifetimeSource::SMaxage,
        LifetimeSource::MaxAge,
        LifetimeSource::Expires,
        LifetimeSource::Default,
        LifetimeSource::Heuristic,
        LifetimeSource::Minimum,
        LifetimeSource::ErrorMinimum,
        LifetimeSource::Maximum,
        LifetimeSource::Unreadable,
        LifetimeSource::RetryAfter,
    ];

    /// The word in logs and in listings.
    pub const fn as_str(self) -> &'static str {
        match self {
            LifetimeSource::None => "none",
            LifetimeSource::Plugin => "plugin",
            LifetimeSource::SelvedgeCdnCacheControl => "selvedge-cdn-cache-control",
            LifetimeSource::CdnCacheControl => "cdn-cache-control",
            LifetimeSource::SMaxage => "s-maxage",
            LifetimeSource::MaxAge => "max-age",
            LifetimeSource::Expires => "expires",
            LifetimeSource::Default => "default-ttl",
            LifetimeSource::Heuristic => "heuristic",
            LifetimeSource::Minimum => "min-ttl",
            LifetimeSource::ErrorMinimum => "error-min-ttl",
            LifetimeSource::Maximum => "max-ttl",
            LifetimeSource::Unreadable => "unreadable",
            LifetimeSource::RetryAfter => "retry-after",
        }
    }

    /// The byte in the stored form. It never changes.
    pub(crate) const fn code(self) -> u8 {
        self as u8
    }

    pub(crate) fn from_code(code: u8) -> Option<LifetimeSource> {
        LifetimeSource::ALL.get(usize::from(code)).copied()
    }
}

/// A freshness lifetime in seconds since the response was made, and its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lifetime {
    pub(crate) seconds: u64,
    pub(crate) source: LifetimeSource,
}

impl Lifetime {
    pub(crate) const NONE: Lifetime = Lifetime {
        seconds: 0,
        source: LifetimeSource::None,
    };
}
