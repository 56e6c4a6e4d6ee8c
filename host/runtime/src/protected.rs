//! The fields that a hook may not change. What frames a message is never a plugin's to say.

use crate::hook::Hook;

#[path = "../../../sdk/src/protected/names.rs"]
mod names;

use names::{BEGINNINGS, EVERYWHERE};

impl Hook {
    /// Returns true if the hook may set and remove this field of its message. Names are in lower case.
    pub fn may_change(self, name: &str) -> bool {
        !in_message(self, name)
    }
}

/// Returns true if a hook may not edit this field of its message. Names are in lower case.
pub(crate) fn in_message(hook: Hook, name: &str) -> bool {
    everywhere(name) || hook.read_only().contains(&name)
}

/// Returns true if a response that a plugin makes may not have this field.
pub(crate) fn in_made_response(name: &str) -> bool {
    everywhere(name) || name == "via"
}

/// Returns true if a request to a backend may not have this field.
pub(crate) fn in_fetch(name: &str) -> bool {
    everywhere(name) || matches!(name, "host" | "via" | "cdn-loop")
}

fn everywhere(name: &str) -> bool {
    EVERYWHERE.contains(&name)
        || BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning))
}

#[cfg(test)]
mod tests {
    use super::*;
    use selvedge_sdk::edits::{Hook as Editing, may_change};

    const EDITING: [(Hook, Editing); 4] = [
        (Hook::ViewerRequest, Editing::ViewerRequest),
        (Hook::OriginRequest, Editing::OriginRequest),
        (Hook::OriginResponse, Editing::OriginResponse),
        (Hook::ViewerResponse, Editing::ViewerResponse),
    ];

    #[test]
    fn a_plugin_that_asks_hears_what_the_host_will_say() {
        let listed = EVERYWHERE;
        let of_hooks = EDITING
            .iter()
            .flat_map(|(hook, _)| hook.read_only().iter().copied());
        let others = [
            "x-edge-user",
            "x-amz-cf-id",
            "x-amz-cf",
            "x-edge",
            "server",
            "vary",
            "age",
            "x-own",
        ];
        for name in listed.into_iter().chain(of_hooks).chain(others) {
            for (hook, editing) in EDITING {
                let may = !in_message(hook, name);
                assert_eq!(may_change(editing, name), may, "{name} at {hook}");
                assert_eq!(
                    may_change(editing, &name.to_uppercase()),
                    may,
                    "{name} at {hook}"
                );
            }
        }
    }
}
