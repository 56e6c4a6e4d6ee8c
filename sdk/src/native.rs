//! Requests and responses for native tests, with the readers that the host offers on WebAssembly.
//!
//! On WebAssembly `Request` and `Response` are handles to what the host holds. Here they are values that the
//! builders make, so that a hook is a plain function for its tests.

mod fields;
mod request;
mod response;

pub(crate) use fields::Fields;
pub use request::{Request, RequestBuilder};
pub use response::{Response, ResponseBuilder};
