//! A response for native tests.

use super::fields::Fields;

/// A response as the origin sent it.
///
/// On WebAssembly this reads what the host holds; natively it is what [`Response::builder`] made.
#[derive(Clone, Debug)]
pub struct Response {
    status: u16,
    fields: Fields,
    origin: Option<String>,
}

/// Builds a [`Response`] for native tests; absent on WebAssembly.
#[derive(Clone, Debug)]
#[must_use = "`build` makes the response"]
pub struct ResponseBuilder(Response);

impl Response {
    /// Begins a response with this status.
    pub fn builder(status: u16) -> ResponseBuilder {
        ResponseBuilder(Response {
            status,
            fields: Fields::default(),
            origin: Some("main".to_owned()),
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

    /// The origin that answered; `None` for a synthetic response.
    pub fn origin(&self) -> Option<String> {
        self.origin.clone()
    }
}

impl ResponseBuilder {
    /// Adds a field line.
    pub fn field(mut self, name: &str, value: impl AsRef<[u8]>) -> ResponseBuilder {
        self.0.fields.append(name, value);
        self
    }

    /// The origin that answered; `main` where this is not said, `None` for a synthetic response.
    pub fn origin(mut self, id: Option<&str>) -> ResponseBuilder {
        self.0.origin = id.map(str::to_owned);
        self
    }

    /// The response.
    pub fn build(self) -> Response {
        self.0
    }
}
