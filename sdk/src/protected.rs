//! Fields that a hook may change, as the host decides it: for plugins whose configuration names fields, so that a wrong name
//! is reported by `selvedge check` and not by every request.

mod names;

use names::{BEGINNINGS, EVERYWHERE};

macro_rules! editing_hooks {
    ($({
        $hook:ident $module:ident $name:literal
        $function:ident($($argument:ident),*) -> $decision:ident
        asks $asks:literal
        runs $runs:literal
        $(may_not_edit $fields:tt)?
    })*) => {
        editing_hooks!(made: $($($hook $name $fields)?)*);
    };
    (made: $($hook:ident $name:literal [$($field:literal),* $(,)?])*) => {
        /// A hook that edits fields.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Hook {
            $(#[doc = concat!("`", $name, "`")] $hook,)*
        }

        /// Fields out of reach at this hook, besides [`EVERYWHERE`].
        fn at(hook: Hook) -> &'static [&'static str] {
            match hook {
                $(Hook::$hook => &[$($field),*],)*
            }
        }

        #[cfg(test)]
        const PAGES: &[(Hook, &str)] = &[
            $((Hook::$hook, include_str!(concat!("../docs/", $name, ".md"))),)*
        ];
    };
}

hooks!(editing_hooks);

/// Returns true if a hook may set, append and remove this field; case does not count. What can't be the name of a
/// field (RFC 9110, section 5.1) can't be changed either.
///
/// ```
/// use selvedge_sdk::edits::{Hook, may_change};
///
/// assert!(may_change(Hook::ViewerResponse, "Server"));
/// assert!(!may_change(Hook::ViewerResponse, "X-Amz-Cf-Id"));
/// assert!(may_change(Hook::OriginRequest, "Host") && !may_change(Hook::ViewerRequest, "Host"));
/// assert!(!may_change(Hook::ViewerRequest, "no name"));
/// ```
pub fn may_change(hook: Hook, name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    is_token(&name)
        && !EVERYWHERE.contains(&name.as_str())
        && !at(hook).contains(&name.as_str())
        && !BEGINNINGS.iter().any(|start| name.starts_with(start))
}

/// As names of fields are (RFC 9110, section 5.6.2).
fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_page_names_what_is_out_of_reach_at_its_hook() {
        for (hook, page) in PAGES {
            let page = page.to_ascii_lowercase();
            for name in at(*hook) {
                assert!(page.contains(&format!("`{name}`")), "{hook:?} lacks {name}");
            }
        }
    }

    #[test]
    fn what_is_listed_or_begins_so_or_is_no_name_may_not_be_changed() {
        for name in [
            "Content-Length",
            "X-EDGE-a",
            "x-amz-cf-id",
            "",
            "a b",
            "a:b",
            "\u{e9}",
        ] {
            for (hook, _) in PAGES {
                assert!(!may_change(*hook, name), "{name} at {hook:?}");
            }
        }
        assert!(may_change(Hook::ViewerResponse, "X-Edge"));
        assert!(may_change(Hook::OriginRequest, "Host"));
    }
}
