//! The stored form of a [`Stored`]: one version byte, then its parts in order, each length before the bytes that it measures.
//!
//! Numbers are little-endian. Decoding takes any bytes: it checks every length against what is left and never panics. The
//! store checks integrity; this checks shape.

use crate::lifetime::LifetimeSource;
use crate::stored::{Nominated, Stored, StoredBody, StoredDirectives};
use crate::time::Time;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Raised when the layout changes; older stores are then read as empty.
const VERSION: u8 = 1;

/// Why bytes are not a stored head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecodeError {
    /// They were written by another version of this program.
    Version(u8),
    /// They end too early.
    Short,
    /// They go on after the end.
    Long,
    /// A part has a value that it can't have.
    Malformed,
}

impl DecodeError {
    /// The word for logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            DecodeError::Version(_) => "head-version",
            DecodeError::Short => "head-short",
            DecodeError::Long => "head-long",
            DecodeError::Malformed => "head-malformed",
        }
    }
}

impl std::fmt::Display for DecodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            DecodeError::Version(version) => write!(
                f,
                "the stored head has format version {version}, this program reads version {VERSION}; the response is fetched anew"
            ),
            DecodeError::Short => {
                f.write_str("the stored head ends too early; the response is fetched anew")
            }
            DecodeError::Long => {
                f.write_str("the stored head goes on after its end; the response is fetched anew")
            }
            DecodeError::Malformed => f.write_str(
                "the stored head has a value that it can't have; the response is fetched anew",
            ),
        }
    }
}

impl std::error::Error for DecodeError {}

impl Stored {
    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Writer(Vec::with_capacity(512));
        out.byte(VERSION);
        out.number(u64::from(self.status.as_u16()));
        out.fields(&self.fields);
        match &self.trailers {
            None => out.byte(0),
            Some(trailers) => {
                out.byte(1);
                out.fields(trailers);
            }
        }
        for number in [
            self.request_time.0,
            self.response_time.0,
            self.date.0,
            self.initial_age_ms,
            self.lifetime,
        ] {
            out.number(number);
        }
        out.byte(self.lifetime_source.code());
        out.optional(self.stale_while_revalidate);
        out.optional(self.stale_if_error);
        out.flags(&[
            self.directives.no_cache,
            self.directives.must_revalidate,
            self.directives.proxy_revalidate,
            self.directives.immutable,
            self.invalidated_softly,
        ]);
        out.count(self.vary.len());
        for nominated in &self.vary {
            out.bytes(nominated.name.as_str().as_bytes());
            match &nominated.value {
                None => out.byte(0),
                Some(value) => {
                    out.byte(1);
                    out.bytes(value);
                }
            }
        }
        out.count(self.tags.len());
        for tag in &self.tags {
            out.bytes(tag.as_bytes());
        }
        out.body(self.body);
        out.0
    }

    /// Reads the bytes that [`Stored::encode`] wrote.
    ///
    /// # Errors
    /// [`DecodeError`] for anything else; the caller fetches the response anew.
    pub fn decode(bytes: &[u8]) -> Result<Stored, DecodeError> {
        let mut from = Reader(bytes);
        let version = from.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let status = u16::try_from(from.number()?).map_err(|_| DecodeError::Malformed)?;
        let status = StatusCode::from_u16(status).map_err(|_| DecodeError::Malformed)?;
        let fields = from.fields()?;
        let trailers = if from.present()? {
            Some(from.fields()?)
        } else {
            None
        };
        let request_time = Time(from.number()?);
        let response_time = Time(from.number()?);
        let date = Time(from.number()?);
        let initial_age_ms = from.number()?;
        let lifetime = from.number()?;
        let lifetime_source =
            LifetimeSource::from_code(from.byte()?).ok_or(DecodeError::Malformed)?;
        let stale_while_revalidate = from.optional()?;
        let stale_if_error = from.optional()?;
        let [
            no_cache,
            must_revalidate,
            proxy_revalidate,
            immutable,
            invalidated_softly,
        ] = from.flags()?;
        let stored = Stored {
            status,
            fields,
            trailers,
            request_time,
            response_time,
            date,
            initial_age_ms,
            lifetime,
            lifetime_source,
            stale_while_revalidate,
            stale_if_error,
            directives: StoredDirectives {
                no_cache,
                must_revalidate,
                proxy_revalidate,
                immutable,
            },
            vary: from.nominated()?,
            tags: from.tags()?,
            body: from.body()?,
            invalidated_softly,
        };
        if from.0.is_empty() {
            Ok(stored)
        } else {
            Err(DecodeError::Long)
        }
    }
}

struct Writer(Vec<u8>);

impl Writer {
    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    fn number(&mut self, number: u64) {
        self.0.extend_from_slice(&number.to_le_bytes());
    }

    fn optional(&mut self, number: Option<u64>) {
        match number {
            None => self.byte(0),
            Some(number) => {
                self.byte(1);
                self.number(number);
            }
        }
    }

    fn flags(&mut self, flags: &[bool]) {
        let byte = flags
            .iter()
            .enumerate()
            .fold(0, |byte, (at, flag)| byte | (u8::from(*flag) << at));
        self.byte(byte);
    }

    /// Counts and lengths are bounded by what a field section may hold, far below 4 GiB.
    fn count(&mut self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&count.to_le_bytes());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        self.count(bytes.len());
        self.0.extend_from_slice(bytes);
    }

    fn fields(&mut self, fields: &HeaderMap) {
        self.count(fields.len());
        for (name, value) in fields {
            self.bytes(name.as_str().as_bytes());
            self.bytes(value.as_bytes());
        }
    }

    fn body(&mut self, body: StoredBody) {
        match body {
            StoredBody::Complete { length } => {
                self.byte(0);
                self.optional(length);
            }
            StoredBody::Partial {
                first,
                last,
                complete_length,
            } => {
                self.byte(1);
                self.number(first);
                self.number(last);
                self.optional(complete_length);
            }
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], DecodeError> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(DecodeError::Short)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(DecodeError::Short)?;
        self.0 = rest;
        Ok(*taken)
    }

    fn byte(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_le_bytes)
    }

    fn present(&mut self) -> Result<bool, DecodeError> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(DecodeError::Malformed),
        }
    }

    fn optional(&mut self) -> Result<Option<u64>, DecodeError> {
        if self.present()? {
            self.number().map(Some)
        } else {
            Ok(None)
        }
    }

    fn flags<const N: usize>(&mut self) -> Result<[bool; N], DecodeError> {
        let byte = self.byte()?;
        if u32::from(byte) >> N != 0 {
            return Err(DecodeError::Malformed);
        }
        Ok(std::array::from_fn(|at| byte & (1 << at) != 0))
    }

    fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.count()?;
        self.take(length)
    }

    fn count(&mut self) -> Result<usize, DecodeError> {
        usize::try_from(u32::from_le_bytes(self.array()?)).map_err(|_| DecodeError::Malformed)
    }

    /// A count of items that take at least `min_bytes` bytes each. More than fit into the remaining bytes are refused at once.
    fn count_of(&mut self, min_bytes: usize) -> Result<usize, DecodeError> {
        let count = self.count()?;
        if count > self.0.len() / min_bytes {
            Err(DecodeError::Short)
        } else {
            Ok(count)
        }
    }

    fn name(&mut self) -> Result<HeaderName, DecodeError> {
        HeaderName::from_bytes(self.bytes()?).map_err(|_| DecodeError::Malformed)
    }

    fn fields(&mut self) -> Result<HeaderMap, DecodeError> {
        let count = self.count_of(8)?;
        let mut fields = HeaderMap::try_with_capacity(count).map_err(|_| DecodeError::Malformed)?;
        for _ in 0..count {
            let name = self.name()?;
            let value =
                HeaderValue::from_bytes(self.bytes()?).map_err(|_| DecodeError::Malformed)?;
            fields
                .try_append(name, value)
                .map_err(|_| DecodeError::Malformed)?;
        }
        Ok(fields)
    }

    fn nominated(&mut self) -> Result<Vec<Nominated>, DecodeError> {
        (0..self.count_of(5)?)
            .map(|_| {
                let name = self.name()?;
                let value = if self.present()? {
                    Some(self.bytes()?.into())
                } else {
                    None
                };
                Ok(Nominated { name, value })
            })
            .collect()
    }

    fn tags(&mut self) -> Result<Vec<String>, DecodeError> {
        (0..self.count_of(4)?)
            .map(|_| String::from_utf8(self.bytes()?.to_vec()).map_err(|_| DecodeError::Malformed))
            .collect()
    }

    fn body(&mut self) -> Result<StoredBody, DecodeError> {
        if !self.present()? {
            return Ok(StoredBody::Complete {
                length: self.optional()?,
            });
        }
        let (first, last, complete_length) = (self.number()?, self.number()?, self.optional()?);
        if first > last || complete_length.is_some_and(|length| last >= length) {
            return Err(DecodeError::Malformed);
        }
        Ok(StoredBody::Partial {
            first,
            last,
            complete_length,
        })
    }
}

#[cfg(test)]
mod tests;
