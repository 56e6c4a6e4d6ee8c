//! Secrets are given, and are not printed in any way.

use super::*;

#[tokio::test]
async fn a_plugin_gets_its_secrets() {
    assert_eq!(said("secret", "key").await, "Some(\"hunter2\")");
    assert_eq!(said("secret", "other").await, "None");
}

#[test]
fn secrets_are_not_printed_even_if_the_plugin_tries() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    tracing::subscriber::with_default(subscriber, || {
        runtime.block_on(async {
            assert_eq!(said("secret", "key").await, "Some(\"hunter2\")");
            let (error, _) = called(&editor(), "secret-error", "").await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("the key *** is not good"), "{error}");
            let (error, _) = called(&editor(), "secret-panic", "").await;
            let error = error.unwrap_err().to_string();
            assert!(error.contains("no use for ***"), "{error}");
        });
    });
    let logged = lines.take();
    assert!(logged.contains("the secret is Some"), "{logged}");
    assert!(!logged.contains("hunter2"), "{logged}");
}

/// The texts that appear while this runs: each error, and the log.
fn overheard(ways: &[&str], plugin: &Arc<Plugin>) -> Vec<(String, String)> {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(lines.clone())
        .finish();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let ways = ways
        .iter()
        .flat_map(|way| SECRETS.iter().map(move |(name, _)| format!("{way} {name}")));
    tracing::subscriber::with_default(subscriber, || {
        ways.map(|what| {
            let (way, name) = what.split_once(' ').unwrap();
            let (said, _) = runtime.block_on(called(plugin, &format!("say-{way}"), name));
            let said = match said {
                Ok(said) => said,
                Err(error) => error.to_string(),
            };
            let heard = format!("{said}\n{}", lines.take());
            (what, heard)
        })
        .collect()
    })
}

/// A piece of a secret that is in this text.
fn leak(text: &str) -> Option<String> {
    let secrets = SECRETS.iter().map(|(_, value)| value());
    let pieces = secrets.flat_map(|secret| {
        let pieces = secret.lines().flat_map(|line| {
            let bytes: Vec<char> = line.chars().collect();
            let pieces = bytes.chunks(16).filter(|piece| piece.len() > 6);
            pieces.map(String::from_iter).collect::<Vec<String>>()
        });
        pieces.collect::<Vec<String>>()
    });
    pieces.into_iter().find(|piece| text.contains(piece))
}

#[test]
fn a_secret_of_several_lines_or_of_2_kb_is_not_printed_in_any_way() {
    let ways = [
        "message",
        "quoted",
        "field",
        "out",
        "out-unfinished",
        "out-in-pieces",
        "err",
        "error",
        "panic",
        "panic-after-much",
        "path",
        "name",
        "figure",
    ];
    for isolation in [Isolation::Request, Isolation::Reuse] {
        let plugin = editor_with(Limits::default(), isolation);
        for (what, heard) in overheard(&ways, &plugin) {
            assert_eq!(leak(&heard), None, "{what}: {heard}");
            assert!(heard.contains("***"), "{what}: {heard}");
            // The first line is what the caller is told; the log has its own.
            let error = heard.lines().next().unwrap_or_default();
            let is_told = what.starts_with("error") || what.starts_with("panic");
            assert!(!is_told || error.contains("***"), "{what}: {heard}");
        }
    }
}

#[test]
fn a_secret_across_the_end_of_what_the_log_takes_is_not_printed() {
    let limits = Limits {
        log_bytes: 8 << 10,
        passed_bytes: 16 << 20,
        ..Limits::default()
    };
    let plugin = editor_with(limits, Isolation::Request);
    for (what, heard) in overheard(&["out-after-much", "err-after-much"], &plugin) {
        assert_eq!(leak(&heard), None, "{what}: {heard}");
        assert!(heard.contains("much 62"), "{what}: {heard}");
        // The secret that begins before the end is there, and nothing of it.
        assert!(heard.contains("***"), "{what}: {heard}");
        assert!(
            heard.contains("further log lines dropped"),
            "{what}: {heard}"
        );
        assert!(heard.len() < 32 << 10, "{what}: {} bytes", heard.len());
    }
}

#[tokio::test]
async fn a_secret_names_no_figure() {
    let (plugin, recorded) = recording();
    let (said, _) = called(&plugin, "say-figure", "key").await;
    assert_eq!(said, Ok("said".into()));
    assert!(recorded.take().is_empty());
    // Others name some.
    let (said, _) = called(&plugin, "metrics", "").await;
    assert_eq!(said, Ok("done".into()));
    assert_eq!(recorded.take(), ["count things 2", "observe seconds 0.5"]);
}
