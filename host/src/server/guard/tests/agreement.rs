//! hyper reads what the guard approves as the guard does: the same requests and no others, and it refuses none of them itself.

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::super::inspect::{Inspector, Verdict};
use super::samples::{Random, connection};
use super::support::{Answers, Seen, inspect_all, serve};

const CASES: u64 = 5_000;

/// Sends the bytes and the viewer's end; returns the answers and what the service saw.
async fn converse(bytes: &[u8]) -> (Answers, Vec<String>) {
    let (mut viewer, edge) = tokio::io::duplex(64 * 1024);
    let seen = Seen::default();
    let served = tokio::spawn(serve(edge, seen.clone(), false));
    viewer.write_all(bytes).await.expect("it has room");
    viewer.shutdown().await.expect("it is open");
    let mut answers = Vec::new();
    viewer.read_to_end(&mut answers).await.expect("it closes");
    // An error here is the cut-off content, which the service saw too.
    let _ = served.await.expect("no panic");
    let seen = seen.lock().expect("no test panics with it").clone();
    (
        Answers(String::from_utf8_lossy(&answers).into_owned()),
        seen,
    )
}

#[tokio::test]
async fn hyper_never_refuses_what_the_guard_approves_and_sees_the_same_requests() {
    let mut refused = 0;
    for seed in 0..CASES {
        let bytes = connection(&mut Random::new(seed));
        let mut inspector = Inspector::new();
        let found = inspect_all(&mut inspector, &bytes);
        let (answers, seen) = converse(&bytes).await;
        let context = format!(
            "seed {seed}: {}\n{seen:#?}\n{}",
            bytes.escape_ascii(),
            answers.0
        );
        let ours = answers.0.matches("x-service: yes").count();
        assert_eq!(
            ours,
            answers.statuses().len(),
            "hyper answers itself, {context}"
        );
        // HTTP/1.0 ends the connection early: what comes behind it is not looked at.
        if bytes.windows(8).any(|part| part == b"HTTP/1.0") {
            continue;
        }
        let expected = match found.verdict {
            Verdict::Head(_) => found.heads + 1,
            // The viewer's end within a head is refused too.
            Verdict::Open if inspector.is_in_head() => {
                found.heads + u64::from(inspector.is_within_message())
            }
            _ => found.heads,
        };
        assert_eq!(seen.len() as u64, expected, "{context}");
        if let Verdict::Head(refusal) | Verdict::Content(refusal) = found.verdict {
            refused += 1;
            let last = seen.last().expect("a refusal is seen");
            let start = format!("refused {}", refusal.reason());
            assert!(last.starts_with(&start), "{context}");
        }
    }
    let share = refused * 100 / CASES;
    assert!(
        (20..80).contains(&share),
        "the samples are lopsided: {share}% refused"
    );
}
