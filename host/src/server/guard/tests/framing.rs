//! Framing with two readings: what one server takes for content, the next takes for a request.

use super::wire::assert_refused;

/// The status, the reason, the content, and the fields that are refused for that reason.
type Row = (u16, &'static str, &'static str, &'static [&'static str]);

const AMBIGUOUS: [Row; 13] = [
    (
        400,
        "content-length-with-transfer-encoding",
        "0\r\n\r\n",
        &[
            "Content-Length: 6\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n",
        ],
    ),
    (
        400,
        "content-length-with-transfer-encoding",
        "24\r\n",
        &["Transfer-Encoding: chunked\r\nContent-Length: 4\r\n"],
    ),
    (
        501,
        "unsupported-transfer-coding",
        "0\r\n\r\n",
        &[
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n",
            "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
            "Transfer-Encoding: chunked, identity\r\n",
            "Transfer-Encoding: gzip, chunked\r\n",
            "Transfer-Encoding: xchunked\r\n",
        ],
    ),
    (
        400,
        "repeated-chunked",
        "0\r\n\r\n",
        &["Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"],
    ),
    (
        400,
        "invalid-field-value",
        "0\r\n\r\n",
        &[
            "Transfer-Encoding: \x0bchunked\r\n",
            "Transfer-Encoding: chunked\x0b\r\n",
        ],
    ),
    (
        400,
        "obsolete-folding",
        "0\r\n\r\n",
        &["Transfer-Encoding:\r\n chunked\r\n"],
    ),
    (
        400,
        "space-before-colon",
        "0\r\n\r\n",
        &[
            "Transfer-Encoding : chunked\r\n",
            "Transfer-Encoding\t: chunked\r\n",
        ],
    ),
    (
        400,
        "bare-cr",
        "0\r\n\r\n",
        &["X: y\rTransfer-Encoding: chunked\r\n"],
    ),
    (
        400,
        "bare-lf",
        "0\r\n\r\n",
        &["X: y\nTransfer-Encoding: chunked\r\n"],
    ),
    (
        400,
        "malformed-transfer-encoding",
        "0\r\n\r\n",
        &[
            "Transfer-Encoding: \"chunked\"\r\n",
            "Transfer-Encoding: chunked;a=b\r\n",
            "Transfer-Encoding:\r\n",
        ],
    ),
    (
        400,
        "repeated-content-length",
        "hello",
        &[
            "Content-Length: 5\r\nContent-Length: 6\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
        ],
    ),
    (
        400,
        "invalid-content-length",
        "hello",
        &[
            "Content-Length: 5, 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 05\r\n",
            "Content-Length: 18446744073709551621\r\n",
        ],
    ),
    (
        400,
        "invalid-field-name",
        "hello",
        &["Content-Length\x00: 5\r\n"],
    ),
];

#[tokio::test]
async fn framing_that_could_be_read_in_two_ways_never_reaches_the_service() {
    let smuggled = "GET /admin HTTP/1.1\r\nHost: a\r\n\r\n";
    for (status, reason, content, all) in AMBIGUOUS {
        for fields in all {
            let bytes = format!("POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\n{content}{smuggled}");
            assert_refused(bytes.as_bytes(), status, reason).await;
        }
    }
    let old = format!(
        "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n{smuggled}"
    );
    assert_refused(old.as_bytes(), 400, "transfer-encoding-in-http-1.0").await;
}
