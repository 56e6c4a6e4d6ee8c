//! Where an entry leads to, with what the request adds: the rest of its path in place of `*`, and its query.
//!
//! A viewer must not choose another host: the rest of a path goes behind a `/` that the entry itself has, within
//! the path, and slashes at its beginning are dropped, as `//other.example` and `/\other.example` are hosts to a browser.

use selvedge_sdk::{Error, Result};

/// A target that has been checked.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Up to the `*` where there is one.
    base: String,
    star: bool,
    /// With its `#`; empty for none.
    fragment: String,
}

impl Target {
    /// Where a redirect leads to: a path, or a whole URL of http or https.
    ///
    /// # Errors
    ///
    /// The reason why it is refused.
    pub(crate) fn location(text: &str) -> Result<Target> {
        let host_and_path = ["https://", "http://"]
            .iter()
            .find_map(|scheme| text.strip_prefix(scheme));
        let sound = match host_and_path {
            Some(rest) => !rest.is_empty() && !rest.starts_with(['/', '?', '#', '*']),
            None => text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\"),
        };
        if !sound {
            let message = format!(
                "{text:?} is no place to go to: a path that begins with one `/`, or a URL with http:// or https://"
            );
            return Err(Error::Message(message));
        }
        let path = host_and_path.map_or(text, |rest| rest.find('/').map_or("", |at| &rest[at..]));
        Target::checked(text, path)
    }

    /// Where a rewrite goes on: a path, with a query if need be.
    ///
    /// # Errors
    ///
    /// The reason why it is refused.
    pub(crate) fn path(text: &str) -> Result<Target> {
        if !text.starts_with('/') || text.contains('#') {
            let message =
                format!("{text:?} is no path to go on with: it begins with `/` and has no `#`");
            return Err(Error::Message(message));
        }
        Target::checked(text, text)
    }

    /// Takes a text apart whose path is known.
    fn checked(text: &str, path: &str) -> Result<Target> {
        if let Some(wrong) = text.chars().find(|c| !c.is_ascii_graphic()) {
            let message = format!("{text:?} contains {wrong:?}, which has to be percent-encoded");
            return Err(Error::Message(message));
        }
        let (base, fragment) = text.split_at(text.find('#').unwrap_or(text.len()));
        let without_star = base.strip_suffix('*');
        let plain = without_star.unwrap_or(base);
        let in_path = path.split(['?', '#']).next().unwrap_or_default();
        if plain.contains('*') || (without_star.is_some() && !in_path.ends_with("/*")) {
            let message =
                format!("{text:?} has a `*` that is not at the end of its path, after a `/`");
            return Err(Error::Message(message));
        }
        Ok(Target {
            base: plain.to_owned(),
            star: without_star.is_some(),
            fragment: fragment.to_owned(),
        })
    }

    /// The target for a request. A `*` that the key has and the target lacks is dropped.
    ///
    /// # Errors
    ///
    /// When the target has a `*` and the key has none.
    pub(crate) fn with(&self, rest: Option<&str>, query: Option<&str>) -> Result<String> {
        let mut out = self.base.clone();
        if self.star {
            let rest = rest.ok_or("its target has a `*`, but its key does not end with one")?;
            out.push_str(rest.trim_start_matches(['/', '\\']));
        }
        if let Some(query) = query.filter(|query| !query.is_empty()) {
            out.push(if out.contains('?') { '&' } else { '?' });
            out.push_str(query);
        }
        out.push_str(&self.fragment);
        Ok(out)
    }
}
