//! The Cache-Status field (RFC 9211): how the cache handled a request, and why.

use http::HeaderValue;
use std::fmt::Write;

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

/// The handling of one request by the cache.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheStatus {
    /// Answered from a stored response without asking the origin.
    pub hit: bool,
    /// Why the origin was asked.
    pub fwd: Option<Fwd>,
    /// The status that the origin sent; `None` if it sent none (RFC 9211, section 2.3).
    pub fwd_status: Option<u16>,
    /// Seconds of freshness that are left; negative for a stale response.
    pub ttl: Option<i64>,
    /// The response was stored.
    pub stored: bool,
    /// The request shared the fetch of another request.
    pub collapsed: bool,
    /// The cache key, where it was asked for.
    pub key: Option<String>,
    /// A word of this cache that says more.
    pub detail: Option<&'static str>,
}

impl CacheStatus {
    /// Returns `hit`, or why the request was forwarded: the label in metrics.
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
        self.write(&mut out);
        out
    }

    /// Appends the parameters. `; ` comes before each one that is not the first in `out`.
    fn write(&self, out: &mut String) {
        let mut put = |text: std::fmt::Arguments<'_>| {
            let before = if out.is_empty() { "" } else { "; " };
            out.push_str(before);
            // Writing to a string can't fail.
            let _ = out.write_fmt(text);
        };
        if self.hit {
            put(format_args!("hit"));
        }
        if let Some(fwd) = self.fwd {
            put(format_args!("fwd={}", fwd.as_str()));
        }
        if let Some(status) = self.fwd_status {
            put(format_args!("fwd-status={status}"));
        }
        if let Some(ttl) = self.ttl {
            put(format_args!("ttl={ttl}"));
        }
        if self.stored {
            put(format_args!("stored"));
        }
        if self.collapsed {
            put(format_args!("collapsed"));
        }
        if let Some(key) = &self.key {
            put(format_args!("key={}", quoted(key)));
        }
        if let Some(detail) = self.detail {
            put(format_args!("detail={detail}"));
        }
    }

    /// The field's value, a list member of this cache (RFC 9211, section 2). `cache` must be a token.
    pub fn to_field(&self, cache: &str) -> HeaderValue {
        let mut value = String::with_capacity(cache.len() + 48);
        value.push_str(cache);
        self.write(&mut value);
        HeaderValue::try_from(value).unwrap_or_else(|_| HeaderValue::from_static("Selvedge"))
    }
}

/// A structured field's string (RFC 9651, section 4.1.6). Characters that it can't carry become `?`.
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
