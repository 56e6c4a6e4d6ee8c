//! The Cache-Status field (RFC 9211): what the cache did with a request, and why.

use http::HeaderValue;

/// Why a request was forwarded (RFC 9211, section 2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fwd {
    /// The behavior or a plugin passes the cache by.
    Bypass,
    /// The method is not one that the cache answers.
    Method,
    /// Nothing is stored for the key.
    UriMiss,
    /// Something is stored for the key, but no variant for this request.
    VaryMiss,
    /// Something would do for this request, but its own directives forbid it.
    Request,
    /// The stored response is stale.
    Stale,
    /// Only a part is stored.
    Partial,
}

impl Fwd {
    /// The word in the field, in logs and in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Fwd::Bypass => "bypass",
            Fwd::Method => "method",
            Fwd::UriMiss => "uri-miss",
            Fwd::VaryMiss => "vary-miss",
            Fwd::Request => "request",
            Fwd::Stale => "stale",
            Fwd::Partial => "partial",
        }
    }
}

/// What the cache did with one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Answered from a stored response without asking the origin.
    pub hit: bool,
    /// Why the origin was asked.
    pub fwd: Option<Fwd>,
    /// The status that the origin sent.
    pub fwd_status: Option<u16>,
    /// Seconds of freshness that are left; negative for a stale response.
    pub ttl: Option<i64>,
    /// The response was stored.
    pub stored: bool,
    /// The request shared somebody else's fetch.
    pub collapsed: bool,
    /// The cache key, where it was asked for.
    pub key: Option<String>,
    /// A word of ours that says more.
    pub detail: Option<&'static str>,
}

impl CacheStatus {
    /// `hit`, or why the request was forwarded: the label in metrics.
    pub fn word(&self) -> &'static str {
        match self.fwd {
            _ if self.hit => "hit",
            Some(fwd) => fwd.as_str(),
            None => "none",
        }
    }

    /// The parameters without the cache's name: `hit; ttl=30`.
    pub fn parameters(&self) -> String {
        let mut out = String::with_capacity(48);
        let mut put = |text: &str| {
            if !out.is_empty() {
                out.push_str("; ");
            }
            out.push_str(text);
        };
        if self.hit {
            put("hit");
        }
        if let Some(fwd) = self.fwd {
            put(&format!("fwd={}", fwd.as_str()));
        }
        if let Some(status) = self.fwd_status {
            put(&format!("fwd-status={status}"));
        }
        if let Some(ttl) = self.ttl {
            put(&format!("ttl={ttl}"));
        }
        if self.stored {
            put("stored");
        }
        if self.collapsed {
            put("collapsed");
        }
        if let Some(key) = &self.key {
            put(&format!("key={}", quoted(key)));
        }
        if let Some(detail) = self.detail {
            put(&format!("detail={detail}"));
        }
        out
    }

    /// The field's value, a list member of this cache (RFC 9211, section 2). `cache` must be a token.
    pub fn to_field(&self, cache: &str) -> HeaderValue {
        let parameters = self.parameters();
        let value = if parameters.is_empty() {
            cache.to_owned()
        } else {
            format!("{cache}; {parameters}")
        };
        HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("Selvedge"))
    }
}

/// A structured field's string (RFC 9651, section 4.1.6); what it can't carry becomes `?`.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            _ => out.push('?'),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hit_says_how_long_it_stays_fresh() {
        let status = CacheStatus {
            hit: true,
            ttl: Some(30),
            ..CacheStatus::default()
        };
        assert_eq!(status.to_field("Selvedge"), "Selvedge; hit; ttl=30");
    }

    #[test]
    fn a_miss_says_why_and_what_became_of_the_response() {
        let status = CacheStatus {
            fwd: Some(Fwd::UriMiss),
            fwd_status: Some(200),
            stored: true,
            collapsed: true,
            detail: Some("x"),
            ..CacheStatus::default()
        };
        assert_eq!(
            status.to_field("Selvedge"),
            "Selvedge; fwd=uri-miss; fwd-status=200; stored; collapsed; detail=x"
        );
    }

    #[test]
    fn a_key_is_quoted_as_a_structured_string() {
        let status = CacheStatus {
            key: Some("a\"b\u{e9}".to_owned()),
            ..CacheStatus::default()
        };
        assert_eq!(status.to_field("Selvedge"), "Selvedge; key=\"a\\\"b?\"");
    }
}
