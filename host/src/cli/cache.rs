//! `selvedge cache ls`: the stored responses of a URL.

use super::ask::{Host, ask};
use super::output::say;
use crate::pipeline::insight::{Listing, StoredObject};
use clap::Args;
use http::Method;
use std::fmt::Write;

#[derive(Args)]
pub(super) struct Arguments {
    /// The absolute URL, as a viewer would ask for it
    url: String,
    #[command(flatten)]
    host: Host,
}

pub(super) fn list(arguments: &Arguments) -> u8 {
    let path = format!("/v1/cache?url={}", encoded(&arguments.url));
    let listing: Listing = match ask(&arguments.host, Method::GET, &path, None::<&()>) {
        Ok(listing) => listing,
        Err(code) => return code,
    };
    for object in &listing.stored {
        say(paragraph(object));
    }
    say(count(&listing, "stored"));
    0
}

/// One stored response on one line.
pub(super) fn line(object: &StoredObject) -> String {
    let StoredObject {
        target,
        status,
        bytes,
        ..
    } = object;
    let tags = if object.tags.is_empty() {
        String::new()
    } else {
        format!("  tags {}", object.tags.join(","))
    };
    let part = object.part.map_or_else(String::new, |part| {
        let of = part.of.map_or("*".to_owned(), |of| of.to_string());
        format!(" ({}-{}/{of})", part.first, part.last)
    });
    format!("{target}  {status}  {bytes} bytes{part}{tags}")
}

/// One stored response with all that is known of it.
pub(super) fn paragraph(object: &StoredObject) -> String {
    let mut text = line(object);
    // Writing to a string can't fail.
    let _ = write!(text, "\n  key       {}", object.key);
    if object.path != object.target.split('?').next().unwrap_or_default() {
        let _ = write!(text, "\n  rewritten {}", object.path);
    }
    let _ = write!(
        text,
        "\n  age       {} s of {} s ({}), ttl {} s",
        object.age, object.lifetime, object.lifetime_source, object.ttl
    );
    for (name, value) in &object.vary {
        let value = value.as_deref().unwrap_or("(none)");
        let _ = write!(text, "\n  vary      {name}: {value}");
    }
    let used = if object.usable { "yes" } else { "no" };
    let on_error = if object.usable_on_error && !object.usable {
        ", but it would if the origin failed"
    } else {
        ""
    };
    let _ = write!(text, "\n  used now  {used}: {}{on_error}", object.why);
    text
}

/// The last line of a listing.
pub(super) fn count(listing: &Listing, what: &str) -> String {
    let responses = match listing.count {
        1 => "1 response".to_owned(),
        count => format!("{count} responses"),
    };
    let mut text = format!("{responses} {what}");
    if listing.stored.len() as u64 != listing.count {
        let _ = write!(text, ", of which {} are listed", listing.stored.len());
    }
    if !listing.complete {
        let _ = write!(
            text,
            "; there may be more: only {} keys were looked at",
            listing.keys_seen
        );
    }
    text
}

/// Percent-encoded for a query.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/:".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
