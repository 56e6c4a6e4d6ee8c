//! Programs that are started, found missing, moved to other ports, and ended.

use super::*;
use crate::config;

const HALF: &str = "[default_behavior]\norigin = \"main\"\n";

fn folder(port: u16, domain: &str, command: &str) -> (tempfile::TempDir, Manifest, Config) {
    let dir = tempfile::tempdir().unwrap();
    let (one, dev) = (dir.path().join("one.toml"), dir.path().join("dev.toml"));
    let text = format!(
        "id = \"one\"\n[[origins]]\nid = \"main\"\ndomain = \"{domain}\"\nhttp_port = {port}\n{HALF}"
    );
    std::fs::write(&one, text).unwrap();
    std::fs::write(
        &dev,
        format!("[[origins]]\nid = \"main\"\ncommand = {command}\n"),
    )
    .unwrap();
    let config = config::load_one(&one).unwrap();
    (dir, Manifest::read(&dev).unwrap(), config)
}

async fn started(
    port: u16,
    domain: &str,
    command: &str,
) -> (Result<(), OriginError>, Origins, Config) {
    let (dir, manifest, mut config) = folder(port, domain, command);
    let mut origins = Origins::default();
    let result = origins.start(&manifest, dir.path(), &config).await;
    origins.apply(&mut config);
    (result, origins, config)
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[tokio::test]
async fn a_program_that_ends_at_once_is_reported_with_its_command() {
    let (result, origins, _) = started(free_port(), "127.0.0.1", r#"["sh", "-c", "exit 7"]"#).await;
    let said = result.unwrap_err().to_string();
    assert!(
        said.contains("exit status: 7") && said.contains("sh -c exit 7"),
        "{said}"
    );
    origins.end().await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_reported_with_what_to_do() {
    let (result, ..) = started(free_port(), "127.0.0.1", r#"["no-such-program"]"#).await;
    let said = result.unwrap_err().to_string();
    assert!(
        said.contains("no-such-program") && said.contains("dev.toml"),
        "{said}"
    );
}

#[tokio::test]
async fn an_origin_on_another_machine_gets_no_program() {
    let (result, ..) = started(free_port(), "192.0.2.1", r#"["sh"]"#).await;
    let said = result.unwrap_err().to_string();
    assert!(
        said.contains("192.0.2.1") && said.contains("not this machine"),
        "{said}"
    );
}

#[test]
fn a_taken_port_is_answered_with_the_next_one_that_is_nobodys() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let wanted = taken.local_addr().unwrap().port();
    let (_dir, _, config) = folder(wanted, "127.0.0.1", r#"["sh"]"#);
    let origin = &config.distributions[0].origins[0];
    let mut spoken_for = BTreeSet::from([wanted, wanted.saturating_add(1)]);
    let port = choose(origin, &mut spoken_for).unwrap();
    assert!(port > wanted + 1, "{port}");
    assert!(spoken_for.contains(&port));
    assert_ne!(choose(origin, &mut spoken_for).unwrap(), port);
}

#[tokio::test]
async fn programs_end_with_their_input_or_else_by_a_signal() {
    for script in [
        "cat >/dev/null",
        "sleep 1000",
        "trap '' TERM; while :; do sleep 1; done",
    ] {
        let (dir, manifest, config) = folder(
            free_port(),
            "127.0.0.1",
            &format!("[\"sh\", \"-c\", \"{script}\"]"),
        );
        let origin = &config.distributions[0].origins[0];
        let started = start(&manifest.origins()[0], origin, 1, dir.path()).unwrap();
        let attended = started.attended.abort_handle();
        assert!(started.exit.borrow().is_none());
        let origins = Origins {
            started: vec![started],
        };
        timeout(Duration::from_secs(30), origins.end())
            .await
            .unwrap();
        assert!(attended.is_finished(), "{script}");
    }
}

#[tokio::test]
async fn the_port_of_the_program_holds_for_the_origin() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let wanted = taken.local_addr().unwrap().port();
    let (_dir, manifest, mut config) = folder(wanted, "127.0.0.1", r#"["cat"]"#);
    let origin = config.distributions[0].origins[0].clone();
    let started = start(&manifest.origins()[0], &origin, 4711, Path::new("/")).unwrap();
    let origins = Origins {
        started: vec![started],
    };
    origins.apply(&mut config);
    assert_eq!(config.distributions[0].origins[0].http_port, 4711);
    assert_eq!(config.distributions[0].origins[0].domain, "127.0.0.1");
    origins.end().await;
}
