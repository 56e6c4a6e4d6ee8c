//! Requests to the backends that the plugin's configuration names. Start several, then wait for each.
//!
//! In native tests a backend is a function, for the thread that sets it:
//!
//! ```
//! use selvedge_sdk::prelude::*;
//!
//! fetch::set("users", |request| match request.target.as_str() {
//!     "/ann" => Ok(Fetched::builder(200).field("Content-Type", "text/plain").body("admin").build()),
//!     _ => Ok(Fetched::builder(404).build()),
//! });
//!
//! let ann = fetch::get("/ann").field("Accept", "text/plain").start("users")?;
//! let bob = fetch::get("/bob").start("users")?;
//! let ann = ann.wait()?;
//! assert_eq!((ann.status(), ann.text()?.as_str()), (200, "admin"));
//! assert_eq!(bob.wait()?.status(), 404);
//! assert_eq!(fetch::get("/").send("nobody"), Err(FetchError::UnknownBackend));
//! # Ok::<(), Error>(())
//! ```

use crate::edits::Field;
use crate::{Error, Result};

pub use crate::bindings::host::selvedge::edge::fetch::{FetchError, FetchRequest};
#[cfg(target_family = "wasm")]
pub use crate::bindings::host::selvedge::edge::fetch::{Fetched, Pending};
#[cfg(not(target_family = "wasm"))]
pub use source::{Fetched, FetchedBuilder, Pending, set};

#[cfg(target_family = "wasm")]
use crate::bindings::host::selvedge::edge::fetch as source;

/// A GET for a path and query, starting with `/`.
pub fn get(target: impl Into<String>) -> FetchRequest {
    request("GET", target)
}

/// A request with this method for a path and query, starting with `/`.
pub fn request(method: impl Into<String>, target: impl Into<String>) -> FetchRequest {
    FetchRequest {
        method: method.into(),
        target: target.into(),
        fields: Vec::new(),
        body: Vec::new(),
    }
}

impl FetchRequest {
    /// Adds a field line.
    #[must_use]
    pub fn field(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> FetchRequest {
        self.fields.push(Field::new(name, value));
        self
    }

    /// The body. The host sets its length.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> FetchRequest {
        self.body = body.into();
        self
    }

    /// Starts the request to the backend of this name. It goes on while the plugin does other things.
    ///
    /// # Errors
    ///
    /// [`FetchError`], where it is clear at once that there will be no answer.
    pub fn start(&self, backend: &str) -> core::result::Result<Pending, FetchError> {
        source::start(backend, self)
    }

    /// Starts the request and waits for the answer.
    ///
    /// # Errors
    ///
    /// [`FetchError`].
    pub fn send(&self, backend: &str) -> core::result::Result<Fetched, FetchError> {
        self.start(backend)?.wait()
    }
}

impl Fetched {
    /// The value of a field as text; bytes that are not UTF-8 become U+FFFD.
    pub fn field_text(&self, name: &str) -> Option<String> {
        let value = self.field(name)?;
        Some(String::from_utf8_lossy(&value).into_owned())
    }

    /// The body as text.
    ///
    /// # Errors
    ///
    /// When it is not UTF-8.
    pub fn text(&self) -> Result<String> {
        Ok(String::from_utf8(self.body())?)
    }
}

impl From<FetchError> for Error {
    fn from(error: FetchError) -> Error {
        Error::Message(match error {
            FetchError::UnknownBackend => {
                "fetch: the plugin's configuration names no such backend".to_owned()
            }
            FetchError::Denied => "fetch: the address of this backend may not be asked".to_owned(),
            FetchError::TimedOut => "fetch: the backend did not answer in time".to_owned(),
            FetchError::TooLarge => "fetch: the backend's answer is too large".to_owned(),
            FetchError::Failed(why) => format!("fetch: {why}"),
        })
    }
}

/// The backends of native tests, one set for each thread.
#[cfg(not(target_family = "wasm"))]
mod source {
    use std::cell::RefCell;
    use std::collections::BTreeMap;
    use std::rc::Rc;

    use super::{FetchError, FetchRequest};
    use crate::native::Fields;

    type Backend = Rc<dyn Fn(&FetchRequest) -> Result<Fetched, FetchError>>;

    thread_local! {
        static BACKENDS: RefCell<BTreeMap<String, Backend>> = const { RefCell::new(BTreeMap::new()) };
    }

    /// Sets what a backend answers on this thread. For native tests; absent on WebAssembly.
    pub fn set(
        backend: &str,
        answer: impl Fn(&FetchRequest) -> Result<Fetched, FetchError> + 'static,
    ) {
        BACKENDS.with_borrow_mut(|backends| backends.insert(backend.to_owned(), Rc::new(answer)));
    }

    pub(super) fn start(backend: &str, request: &FetchRequest) -> Result<Pending, FetchError> {
        let answer = BACKENDS.with_borrow(|backends| backends.get(backend).cloned());
        let answer = answer.ok_or(FetchError::UnknownBackend)?;
        Ok(Pending(RefCell::new(Some(answer(request)))))
    }

    /// A request under way.
    #[derive(Debug)]
    pub struct Pending(RefCell<Option<Result<Fetched, FetchError>>>);

    impl Pending {
        /// Waits for the answer.
        ///
        /// # Errors
        ///
        /// Why there is none; a second call is an error too.
        pub fn wait(&self) -> Result<Fetched, FetchError> {
            let again = "this answer was waited for before";
            self.0
                .take()
                .unwrap_or_else(|| Err(FetchError::Failed(again.to_owned())))
        }
    }

    /// A backend's answer.
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub struct Fetched {
        status: u16,
        fields: Fields,
        body: Vec<u8>,
    }

    /// Builds a [`Fetched`] for native tests; absent on WebAssembly.
    #[derive(Clone, Debug)]
    #[must_use = "`build` makes the answer"]
    pub struct FetchedBuilder(Fetched);

    impl Fetched {
        /// Begins an answer with this status.
        pub fn builder(status: u16) -> FetchedBuilder {
            FetchedBuilder(Fetched {
                status,
                fields: Fields::default(),
                body: Vec::new(),
            })
        }

        /// The status code.
        pub fn status(&self) -> u16 {
            self.status
        }

        /// The value of a field; several lines come joined by `, `.
        pub fn field(&self, name: &str) -> Option<Vec<u8>> {
            self.fields.joined(name)
        }

        /// The lines of a field, one by one.
        pub fn field_values(&self, name: &str) -> Vec<Vec<u8>> {
            self.fields.values(name)
        }

        /// The names that occur, lower case, each once, in the order of their first line.
        pub fn field_names(&self) -> Vec<String> {
            self.fields.names()
        }

        /// The whole body.
        pub fn body(&self) -> Vec<u8> {
            self.body.clone()
        }
    }

    impl FetchedBuilder {
        /// Adds a field line.
        pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> FetchedBuilder {
            self.0.fields.append(name, value);
            self
        }

        /// The body; empty where this is not said.
        pub fn body(mut self, body: impl Into<Vec<u8>>) -> FetchedBuilder {
            self.0.body = body.into();
            self
        }

        /// The answer.
        pub fn build(self) -> Fetched {
            self.0
        }
    }
}
