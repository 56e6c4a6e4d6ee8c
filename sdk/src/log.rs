//! Lines in the host's log, with the plugin, the distribution and the request id.
//!
//! One macro for each level: [`trace!`](crate::log::trace), [`debug!`](crate::log::debug),
//! [`info!`](crate::log::info), [`warn!`](crate::log::warn), [`error!`](crate::log::error). The message is
//! written as for `format!`; after a `;` follow fields by name. In native tests lines go to standard error.
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! let device = "mobile";
//! log::info!("a {device} viewer");
//! log::warn!("no rule for {}", "/shop"; device = device, rules = 3);
//! ```

use std::fmt;

pub use crate::bindings::host::selvedge::edge::log::Level;
pub use crate::{
    __debug as debug, __error as error, __info as info, __trace as trace, __warn as warn,
};

/// Writes one line; the macros of this module say it shorter.
pub fn write(level: Level, message: fmt::Arguments<'_>, fields: &[(&str, &dyn fmt::Display)]) {
    #[cfg(target_family = "wasm")]
    {
        let fields: Vec<(String, String)> = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.to_string()))
            .collect();
        crate::bindings::host::selvedge::edge::log::write(level, &message.to_string(), &fields);
    }
    #[cfg(not(target_family = "wasm"))]
    {
        let fields: String = fields
            .iter()
            .map(|(name, value)| format!(" {name}={value}"))
            .collect();
        eprintln!("{level:?} {message}{fields}");
    }
}

/// One line at a level: `format, arguments...; name = value, ...`.
#[doc(hidden)]
#[macro_export]
macro_rules! __line {
    ($level:ident, $format:literal $(, $argument:expr)* $(,)? $(; $($field:ident = $value:expr),+ $(,)?)?) => {
        $crate::log::write(
            $crate::log::Level::$level,
            ::core::format_args!($format $(, $argument)*),
            &[$($((::core::stringify!($field), &$value as &dyn ::core::fmt::Display)),+)?],
        )
    };
}

/// Writes a line that follows single steps.
#[doc(hidden)]
#[macro_export]
macro_rules! __trace {
    ($($line:tt)*) => { $crate::__line!(Trace, $($line)*) };
}

/// Writes a line for whoever develops the plugin.
#[doc(hidden)]
#[macro_export]
macro_rules! __debug {
    ($($line:tt)*) => { $crate::__line!(Debug, $($line)*) };
}

/// Writes a line about what happens.
#[doc(hidden)]
#[macro_export]
macro_rules! __info {
    ($($line:tt)*) => { $crate::__line!(Info, $($line)*) };
}

/// Writes a line about what should not happen but does no harm yet.
#[doc(hidden)]
#[macro_export]
macro_rules! __warn {
    ($($line:tt)*) => { $crate::__line!(Warn, $($line)*) };
}

/// Writes a line about what went wrong.
#[doc(hidden)]
#[macro_export]
macro_rules! __error {
    ($($line:tt)*) => { $crate::__line!(Error, $($line)*) };
}
