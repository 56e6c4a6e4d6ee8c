//! Reasons for refusing a message: one word, one status, one sentence each.
//!
//! The word is the same in header, log, metric and test. The rules of messages and the HTTP/1 guard share the list.

use http::StatusCode;
use std::fmt;

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $status:ident, $part:ident, $word:literal, $detail:literal;)*) => {
        /// A rule that a refused request broke.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum RefusalReason {
            $($(#[$doc])* $name,)*
        }

        impl RefusalReason {
            /// Every reason, for metrics that start at zero and for tests.
            pub const ALL: &'static [RefusalReason] = &[$(RefusalReason::$name),*];

            /// The reason's word in headers, logs, metrics and tests.
            pub fn as_str(self) -> &'static str {
                match self { $(RefusalReason::$name => $word,)* }
            }

            /// The status that answers it.
            pub fn status(self) -> StatusCode {
                match self { $(RefusalReason::$name => StatusCode::$status,)* }
            }

            /// One sentence for the viewer and the log, without anything that the viewer sent.
            pub fn detail(self) -> &'static str {
                match self { $(RefusalReason::$name => $detail,)* }
            }

            /// The part of the message in which the rule was broken.
            pub fn part(self) -> Part {
                match self { $(RefusalReason::$name => Part::$part,)* }
            }
        }
    };
}

reasons! {
    /// RFC 9112 section 3: not `method SP target SP version CRLF`.
    MalformedRequestLine = BAD_REQUEST, Head, "malformed-request-line",
        "The request line is not a method, a target and a version with one space between them.";
    /// RFC 9112 section 3.2: the target has a form that its method does not allow, or a byte that no target may have.
    InvalidTarget = BAD_REQUEST, Head, "invalid-target",
        "The request target is not a valid path, absolute URI or asterisk for this method; other characters must be percent-encoded.";
    /// The target is longer than [`MAX_TARGET_BYTES`](super::MAX_TARGET_BYTES).
    TargetTooLong = URI_TOO_LONG, Head, "target-too-long",
        "The request target is longer than 8192 bytes.";
    /// RFC 9110 section 2.5: a version other than HTTP/1.1 and HTTP/1.0, the HTTP/2 preface among them.
    UnsupportedVersion = HTTP_VERSION_NOT_SUPPORTED, Head, "unsupported-version",
        "This connection speaks HTTP/1.1 and HTTP/1.0.";
    /// RFC 9110 section 9.3.6: this edge makes no tunnels.
    ConnectRefused = FORBIDDEN, Head, "connect-refused",
        "CONNECT is not allowed here: this server is no proxy for tunnels.";
    /// The viewer ended the connection within a head.
    TruncatedHead = BAD_REQUEST, Head, "truncated-head",
        "The request ended before the empty line that ends its header section.";

    /// RFC 9112 section 2.2: CR without LF.
    BareCr = BAD_REQUEST, Head, "bare-cr", "A line holds a CR that no LF follows.";
    /// RFC 9112 section 2.2: LF without CR.
    BareLf = BAD_REQUEST, Head, "bare-lf", "A line ends with an LF that no CR precedes.";
    /// RFC 9112 section 5.2: a field line continued on the next line.
    ObsoleteFolding = BAD_REQUEST, Head, "obsolete-folding",
        "A field line begins with white space: line folding is obsolete.";
    /// RFC 9112 section 5.1: white space between field name and colon.
    SpaceBeforeColon = BAD_REQUEST, Head, "space-before-colon",
        "White space stands between a field name and its colon.";
    /// RFC 9110 section 5.1: the field name is empty or no token, or has no colon.
    InvalidFieldName = BAD_REQUEST, Head, "invalid-field-name",
        "A field name is empty, holds a character that names may not have, or has no colon.";
    /// RFC 9110 section 5.5: a control character in a field value.
    InvalidFieldValue = BAD_REQUEST, Head, "invalid-field-value",
        "A field value holds a control character.";
    /// The header section is larger than [`MAX_FIELD_BYTES`](super::MAX_FIELD_BYTES).
    FieldsTooLarge = REQUEST_HEADER_FIELDS_TOO_LARGE, Head, "fields-too-large",
        "The header section is larger than 32768 bytes.";
    /// The header section has more than [`MAX_FIELDS`](super::MAX_FIELDS) field lines.
    TooManyFields = REQUEST_HEADER_FIELDS_TOO_LARGE, Head, "too-many-fields",
        "The header section has more than 100 field lines.";

    /// RFC 9110 section 7.2: no Host.
    MissingHost = BAD_REQUEST, Head, "missing-host", "The request has no Host field.";
    /// RFC 9110 section 7.2: more than one Host.
    RepeatedHost = BAD_REQUEST, Head, "repeated-host", "The request has more than one Host field.";
    /// RFC 9110 section 7.2: no host name or address with an optional port.
    InvalidHost = BAD_REQUEST, Head, "invalid-host",
        "The Host field is not a host name or an address with an optional port.";

    /// RFC 9110 section 8.6: not a decimal number in range.
    InvalidContentLength = BAD_REQUEST, Head, "invalid-content-length",
        "Content-Length is not one decimal number in range.";
    /// RFC 9110 section 8.6: several, equal ones too.
    RepeatedContentLength = BAD_REQUEST, Head, "repeated-content-length",
        "The request has more than one Content-Length.";
    /// RFC 9112 section 6.1: Content-Length beside Transfer-Encoding.
    LengthAndCoding = BAD_REQUEST, Head, "content-length-with-transfer-encoding",
        "The request has Content-Length and Transfer-Encoding: its end could be read in two ways.";
    /// RFC 9112 section 6.1: Transfer-Encoding in HTTP/1.0.
    CodingInHttp10 = BAD_REQUEST, Head, "transfer-encoding-in-http-1.0",
        "An HTTP/1.0 request has Transfer-Encoding.";
    /// RFC 9112 section 6.1: not a list of codings, or parameters on `chunked`.
    MalformedCoding = BAD_REQUEST, Head, "malformed-transfer-encoding",
        "Transfer-Encoding is not a list of transfer codings.";
    /// RFC 9112 section 6.1: `chunked` applied more than once.
    RepeatedChunked = BAD_REQUEST, Head, "repeated-chunked",
        "Transfer-Encoding applies chunked more than once.";
    /// RFC 9112 section 6.1: a transfer coding other than `chunked`.
    UnsupportedCoding = NOT_IMPLEMENTED, Head, "unsupported-transfer-coding",
        "The only transfer coding understood here is chunked.";

    /// RFC 9112 section 7.1: the chunk size is not 1 to 16 hexadecimal digits in range.
    InvalidChunkSize = BAD_REQUEST, Content, "invalid-chunk-size",
        "A chunk size is not 1 to 16 hexadecimal digits in range, followed by CRLF or an extension.";
    /// RFC 9112 section 7.1: no CRLF after the chunk's data.
    UnendedChunk = BAD_REQUEST, Content, "unended-chunk",
        "The data of a chunk is not followed by CRLF where its size says.";
    /// RFC 9112 section 7.1.1: not `;name` or `;name=value`.
    MalformedChunkExtension = BAD_REQUEST, Content, "malformed-chunk-extension",
        "A chunk extension is not a name with an optional value.";
    /// The chunk extensions of one message are larger than 1 KiB.
    ChunkExtensionsTooLarge = BAD_REQUEST, Content, "chunk-extensions-too-large",
        "The chunk extensions of the message are larger than 1024 bytes.";
    /// A chunk line has a CR that no LF follows.
    BareCrInContent = BAD_REQUEST, Content, "bare-cr-in-chunk-framing",
        "The chunk framing holds a CR that no LF follows.";
    /// A chunk line ends with an LF that no CR precedes.
    BareLfInContent = BAD_REQUEST, Content, "bare-lf-in-chunk-framing",
        "The chunk framing holds an LF that no CR precedes.";
    /// RFC 9112 section 7.1.2: a malformed trailer field line.
    MalformedTrailer = BAD_REQUEST, Content, "malformed-trailer",
        "A trailer field line is malformed.";
    /// RFC 9110 section 6.5.1: a field that may not come after the content.
    ForbiddenTrailer = BAD_REQUEST, Content, "forbidden-trailer",
        "A trailer field has a name that is allowed only in the header section.";
    /// The trailer section exceeds [`MAX_TRAILER_BYTES`](super::MAX_TRAILER_BYTES) or [`MAX_TRAILERS`](super::MAX_TRAILERS).
    TrailersTooLarge = BAD_REQUEST, Content, "trailers-too-large",
        "The trailer section is larger than 8192 bytes or 32 field lines.";
}

impl fmt::Display for RefusalReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A part of a message, from whose start positions are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The head: request line and header section.
    Head,
    /// The content with its framing, trailers among it.
    Content,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Part::Head => "request head",
            Part::Content => "framed content",
        })
    }
}
