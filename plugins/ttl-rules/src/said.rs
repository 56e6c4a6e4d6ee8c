//! The origin's word about caching, as far as rules hold to it (RFC 9111, section 5.2.2; RFC 9213).

use selvedge_sdk::Response;

/// The fields that speak to this cache only, the most specific first. Where there is one, it counts in place of Cache-Control
/// and Expires.
const TARGETED: [&str; 2] = ["Selvedge-CDN-Cache-Control", "CDN-Cache-Control"];

/// The origin's directives.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    /// It says how long the response is fresh.
    pub(crate) lifetime: bool,
    /// It says `private`, `no-store` or `no-cache`, for the whole response.
    pub(crate) keeps_apart: bool,
    /// It says that the response may be shared although the request had Authorization (RFC 9111, section 3.5).
    pub(crate) shares_authorized: bool,
}

impl Said {
    pub(crate) fn by(response: &Response) -> Said {
        let mut targeted = TARGETED.iter().filter_map(|name| response.field_text(name));
        match targeted.find(|directives| !directives.trim().is_empty()) {
            Some(directives) => read(&directives),
            None => {
                let mut said = read(&response.field_text("Cache-Control").unwrap_or_default());
                said.lifetime |= response.field("Expires").is_some();
                said
            }
        }
    }
}

fn read(directives: &str) -> Said {
    let mut said = Said::default();
    for directive in split(directives) {
        let (name, has_value) = match directive.split_once('=') {
            Some((name, _)) => (name.trim(), true),
            None => (directive.trim(), false),
        };
        match name.to_ascii_lowercase().as_str() {
            "max-age" => said.lifetime = true,
            "s-maxage" => (said.lifetime, said.shares_authorized) = (true, true),
            "public" | "must-revalidate" => said.shares_authorized = true,
            "no-store" => said.keeps_apart = true,
            // With names of fields, it is about these fields only.
            "private" | "no-cache" if !has_value => said.keeps_apart = true,
            _ => {}
        }
    }
    said
}

/// The directives; a comma in a quoted text ends none.
fn split(directives: &str) -> Vec<&str> {
    let mut quoted = false;
    let parts = directives.split(|character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    });
    parts.collect()
}
