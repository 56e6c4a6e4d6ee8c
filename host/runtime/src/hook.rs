//! The hooks, made from the table of the contract (`sdk/macros/src/hooks.rs`).

use std::fmt;
use std::str::FromStr;

macro_rules! hook {
    ($({
        $hook:ident $module:ident $name:literal
        $function:ident($($argument:ident),*) -> $decision:ident
        asks $asks:literal
        runs $runs:literal
        $(may_not_edit [$($field:literal),* $(,)?])?
    })*) => {
        /// A point in a request's life at which a plugin is asked, in the order in which they run.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Hook {
            $(#[doc = concat!("`", $name, "`: ", $asks, ".")] $hook,)*
        }

        impl Hook {
            /// All hooks of the contract, in the order in which they run.
            pub const ALL: [Hook; [$($name),*].len()] = [$(Hook::$hook),*];

            /// The name of the hook, which is also the name of its interface in the contract: `cache-key`.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Hook::$hook => $name,)*
                }
            }

            /// Fields that this hook may read and not change, besides those that no hook may change.
            pub(crate) const fn read_only(self) -> &'static [&'static str] {
                match self {
                    $(Hook::$hook => &[$($($field),*)?],)*
                }
            }
        }
    };
}

hooks!(hook);

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A name that is no hook.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no hook `{0}`; the hooks are {list}", list = names(&Hook::ALL))]
pub struct UnknownHook(pub String);

impl FromStr for Hook {
    type Err = UnknownHook;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Hook::ALL
            .into_iter()
            .find(|hook| hook.as_str() == name)
            .ok_or_else(|| UnknownHook(name.to_owned()))
    }
}

/// `cache-key, ttl` for messages.
pub(crate) fn names(hooks: &[Hook]) -> String {
    let names: Vec<_> = hooks.iter().map(|hook| hook.as_str()).collect();
    names.join(", ")
}
