//! HTTP dates, lenient: what another implementation of the strict forms reads is read in the same way.
#![no_main]

use libfuzzer_sys::fuzz_target;
use selvedge_caching::Time;

/// The types that the module below imports.
mod time {
    pub use selvedge_caching::Time;
}

#[allow(dead_code, unreachable_pub)]
#[path = "../../host/caching/src/date.rs"]
mod date;

fuzz_target!(|bytes: &[u8]| {
    let read = date::parse_http_date(bytes);
    let Some(text) = std::str::from_utf8(bytes).ok() else {
        return;
    };
    let Ok(strict) = httpdate::parse_http_date(text) else {
        return;
    };
    // Two digits of a year are read by a rule of their own (RFC 9110, section 5.6.7); what stands around a date is no part of it.
    if text.contains("GMT") && !text.contains('-') && text.trim() == text {
        assert_eq!(read.map(Time::to_system), Some(strict), "{text}");
    }
});
