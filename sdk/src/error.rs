//! The error of a hook that can't decide.

use std::fmt;

/// Why a hook could not decide.
///
/// The host logs and counts it with the plugin's name and goes on as the plugin's `on_error` says: `fail` answers
/// the viewer with an error, `continue` does without this plugin. Text becomes an error by `?` or `into`, and so
/// do the errors of the usual conversions:
///
/// ```
/// use selvedge_sdk::prelude::*;
///
/// fn bucket(request: &Request) -> Result<u32> {
///     let text = request.query_param("bucket").ok_or("the query has no bucket")?;
///     Ok(text.parse()?)
/// }
///
/// let request = Request::builder("GET", "/?bucket=x").build();
/// assert_eq!(bucket(&request).unwrap_err().to_string(), "invalid digit found in string");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// Anything else, in words.
    Message(String),
    /// [`config::require`](crate::config::require) found no value.
    MissingConfig {
        /// The dotted name that was asked for.
        name: String,
    },
    /// A value of the configuration is not what the plugin needs.
    InvalidConfig {
        /// The dotted name that was asked for.
        name: String,
        /// The value as text.
        value: String,
        /// The reason why it is refused.
        reason: String,
    },
}

/// The result of a hook.
pub type Result<T> = core::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Message(message) => f.write_str(message),
            Error::MissingConfig { name } => {
                write!(
                    f,
                    "the plugin's configuration has no `{name}`; add it to its [plugins.config] table"
                )
            }
            Error::InvalidConfig {
                name,
                value,
                reason,
            } => {
                write!(
                    f,
                    "`{name}` in the plugin's configuration is {value:?}: {reason}"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

impl From<String> for Error {
    fn from(message: String) -> Error {
        Error::Message(message)
    }
}

impl From<&str> for Error {
    fn from(message: &str) -> Error {
        Error::Message(message.to_owned())
    }
}

impl From<fmt::Arguments<'_>> for Error {
    fn from(message: fmt::Arguments<'_>) -> Error {
        Error::Message(message.to_string())
    }
}

/// Errors of the standard library that a hook is likely to meet, by their own words.
macro_rules! from_standard {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Error {
            fn from(error: $error) -> Error {
                Error::Message(error.to_string())
            }
        })*
    };
}

from_standard!(
    fmt::Error,
    std::num::ParseIntError,
    std::num::ParseFloatError,
    std::str::ParseBoolError,
    std::str::Utf8Error,
    std::string::FromUtf8Error,
    std::net::AddrParseError,
);
