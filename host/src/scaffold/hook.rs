//! The hooks that a new project can begin with.

use std::str::FromStr;

macro_rules! hook {
    ($({
        $hook:ident $module:ident $name:literal
        $function:ident($($argument:ident),*) -> $decision:ident
        asks $asks:literal
        $($rest:tt)*
    })*) => {
        /// A hook that a new project can begin with.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Hook {
            $(#[doc = concat!("`", $name, "`: ", $asks, ".")] $hook,)*
        }

        impl Hook {
            /// All of them, in the order in which they run.
            pub const ALL: [Hook; [$($name),*].len()] = [$(Hook::$hook),*];

            /// The hook's name in the contract.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Hook::$hook => $name,)*
                }
            }

            /// The question that the hook answers, as half a sentence.
            pub(super) fn meaning(self) -> &'static str {
                match self {
                    $(Hook::$hook => $asks,)*
                }
            }
        }
    };
}

hooks!(hook);

impl Hook {
    /// The hooks of a project that asks for none by name: those that decide about the cache.
    pub const USUAL: [Hook; 3] = [Hook::CacheKey, Hook::OriginSelection, Hook::Ttl];
}

/// A text that is no hook's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no hook `{0}`; the hooks are {list}", list = Hook::ALL.map(Hook::as_str).join(", "))]
pub struct UnknownHook(String);

impl FromStr for Hook {
    type Err = UnknownHook;

    fn from_str(text: &str) -> Result<Hook, UnknownHook> {
        let hook = Hook::ALL.into_iter().find(|hook| hook.as_str() == text);
        hook.ok_or_else(|| UnknownHook(text.to_owned()))
    }
}
