//! The cookie that keeps a viewer in its group (RFC 6265).

/// A line of Set-Cookie. `Secure` only over TLS: without it, browsers would drop the cookie, and assign at every request.
pub(crate) fn set(name: &str, value: &str, days: u32, secure: bool) -> String {
    let seconds = u64::from(days) * 86_400;
    let secure = if secure { "; Secure" } else { "" };
    format!("{name}={value}; Path=/; Max-Age={seconds}; SameSite=Lax; HttpOnly{secure}")
}
