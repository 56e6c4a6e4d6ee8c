//! Chunk framing and trailers: what passes, where it ends, what is refused and why.

use super::super::super::message::RefusalReason::{self, *};
use super::super::super::message::{MAX_TRAILER_BYTES, MAX_TRAILERS};
use super::super::inspect::{Inspector, Verdict};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// Inspects the content behind a chunked head: the bytes of it that were approved, and the reason if it was refused.
fn inspect(content: &[u8]) -> (usize, Option<RefusalReason>, bool) {
    let mut inspector = Inspector::new();
    let found = inspector.inspect(&[HEAD.as_bytes(), content].concat(), false);
    let reason = match found.verdict {
        Verdict::Open | Verdict::Encode(_) => None,
        Verdict::Head(refusal) | Verdict::Content(refusal) => Some(refusal.reason()),
    };
    (
        found.approved - HEAD.len(),
        reason,
        !inspector.is_within_message(),
    )
}

#[track_caller]
fn assert_complete(content: &str) {
    assert_eq!(
        inspect(content.as_bytes()),
        (content.len(), None, true),
        "{content:?}"
    );
}

#[track_caller]
fn assert_refused(content: &str, reason: RefusalReason) {
    let (_, refused, _) = inspect(content.as_bytes());
    assert_eq!(refused, Some(reason), "{content:?}");
}

#[test]
fn well_formed_chunks_pass_to_their_end() {
    for content in [
        "0\r\n\r\n",
        "5\r\nhello\r\n0\r\n\r\n",
        "a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n",
        "0000000000000005\r\nhello\r\n0000\r\n\r\n",
        "5;name\r\nhello\r\n0;a=b;c=\"d;\\\"\t \";e\r\n\r\n",
        "2\r\n\r\n\r\n0\r\n\r\n",
        "0\r\nX-Checksum: 1\r\nServer-Timing: a\r\n\r\n",
    ] {
        assert_complete(content);
    }
}

#[test]
fn odd_chunk_sizes_are_refused() {
    for size in [
        "",
        "0x5",
        "x5",
        "+5",
        "-5",
        " 5",
        "5 ",
        "5\t",
        "g",
        "5_0",
        "5,5",
        "\"5\"",
        "\0",
        "\r\n",
        "00000000000000005",
        "fffffffffffffffff",
        "ffffffffffffffff",
        "8000000000000000",
    ] {
        assert_refused(&format!("{size}\r\nhello\r\n0\r\n\r\n"), InvalidChunkSize);
    }
    // The largest one passes, whatever may come of it.
    assert_eq!(inspect(b"7fffffffffffffff\r\nx"), (19, None, false));
}

#[test]
fn bare_line_ends_in_the_framing_are_refused() {
    for content in [
        "5\nhello\r\n0\r\n\r\n",
        "5\r\nhello\n0\r\n\r\n",
        "5;a\nhello",
        "0\r\n\n",
        "0\r\nA: b\n\r\n",
        "\n",
    ] {
        assert_refused(content, BareLfInContent);
    }
    for content in [
        "5\rhello\r\n0\r\n\r\n",
        "5\r\nhello\r0\r\n\r\n",
        "5;a\rb",
        "0\r\n\rX",
        "0\r\nA: b\rC: d",
    ] {
        assert_refused(content, BareCrInContent);
    }
}

#[test]
fn data_longer_than_its_size_is_refused() {
    for content in [
        "4\r\nhello\r\n0\r\n\r\n",
        "0\r\nhello\r\n",
        "5\r\nhello0\r\n\r\n",
    ] {
        let (_, refused, _) = inspect(content.as_bytes());
        assert!(
            matches!(refused, Some(UnendedChunk | MalformedTrailer)),
            "{content:?}"
        );
    }
}

#[test]
fn malformed_and_excessive_extensions_are_refused() {
    for line in [
        "5;",
        "5;;a",
        "5; a",
        "5;a =b",
        "5;a= b",
        "5;a=",
        "5;a=b c",
        "5;=b",
        "5;a=\"b\"c",
        "5;a=\"\0\"",
        "5;a=\"b",
    ] {
        assert_refused(
            &format!("{line}\r\nhello\r\n0\r\n\r\n"),
            MalformedChunkExtension,
        );
    }
    // ";" and the name make 1024 bytes of extensions in all.
    let chunk = format!("1;{}\r\nx\r\n", "n".repeat(255));
    assert_complete(&format!("{}0\r\n\r\n", chunk.repeat(4)));
    assert_refused(&format!("{}1;", chunk.repeat(4)), ChunkExtensionsTooLarge);
}

#[test]
fn trailers_are_field_lines() {
    for (lines, reason) in [
        ("X : y\r\n", MalformedTrailer),
        ("X\r\n", MalformedTrailer),
        (" X: y\r\n", MalformedTrailer),
        ("X: y\r\n z\r\n", MalformedTrailer),
        ("X: \0\r\n", MalformedTrailer),
        ("GET / HTTP/1.1\r\n", MalformedTrailer),
    ] {
        assert_refused(&format!("0\r\n{lines}\r\n"), reason);
    }
}

#[test]
fn a_trailer_section_has_bounds() {
    let section = |bytes: usize| format!("0\r\nX: {}\r\n\r\n", "y".repeat(bytes - 5));
    assert_complete(&section(MAX_TRAILER_BYTES));
    assert_refused(&section(MAX_TRAILER_BYTES + 1), TrailersTooLarge);
    let lines = |count: usize| format!("0\r\n{}\r\n", "X: y\r\n".repeat(count));
    assert_complete(&lines(MAX_TRAILERS));
    assert_refused(&lines(MAX_TRAILERS + 1), TrailersTooLarge);
}

#[test]
fn what_precedes_a_fault_is_approved_and_nothing_behind_it() {
    let good = "5\r\nhello\r\n";
    assert_eq!(
        inspect(format!("{good}0x\r\n\r\n").as_bytes()),
        (good.len() + 1, Some(InvalidChunkSize), false)
    );
    assert_eq!(
        inspect(format!("{good}0\r\nX: y\r\nHost : b\r\n\r\n").as_bytes()),
        (good.len() + 3, Some(MalformedTrailer), false)
    );
}
