//! Checked code with its imports resolved, of which instances are made.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use crate::bindings::exported;
use crate::hook::Hook;
use crate::state::State;

/// Code with its imports resolved, of which instances are made.
pub(crate) struct Linked {
    pub(crate) pre: InstancePre<State>,
    pub(crate) indices: Indices,
}

macro_rules! indices {
    ($({ $hook:ident $module:ident $($rest:tt)* })*) => {
        /// Positions of a component's exports.
        pub(crate) struct Indices {
            $(pub(crate) $module: Option<exported::$module::GuestIndices>,)*
            pub(crate) lifecycle: Option<exported::lifecycle::GuestIndices>,
        }

        impl Indices {
            pub(crate) fn new(
                pre: &InstancePre<State>,
                hooks: &[Hook],
                init: bool,
            ) -> wasmtime::Result<Indices> {
                Ok(Indices {
                    $($module: hooks
                        .contains(&Hook::$hook)
                        .then(|| exported::$module::GuestIndices::new(pre))
                        .transpose()?,)*
                    lifecycle: init
                        .then(|| exported::lifecycle::GuestIndices::new(pre))
                        .transpose()?,
                })
            }

            /// Checks the types of all hooks that will be called, so that a mismatch is found when a plugin is loaded.
            pub(crate) fn check_types(
                &self,
                store: &mut Store<State>,
                instance: &Instance,
            ) -> wasmtime::Result<()> {
                $(if let Some(indices) = &self.$module {
                    indices.load(&mut *store, instance)?;
                })*
                Ok(())
            }
        }

        /// The hooks of an instance that were called already.
        #[derive(Default)]
        pub(crate) struct Guests {
            $(pub(crate) $module: Option<exported::$module::Guest>,)*
        }
    };
}

hooks!(indices);
