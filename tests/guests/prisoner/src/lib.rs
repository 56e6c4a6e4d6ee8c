//! Tries every way out, and answers with what it found.

use selvedge_sdk::prelude::*;

#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    let mut ways = Vec::new();
    if std::fs::read("/etc/passwd").is_ok() || std::fs::read_dir("/").is_ok() {
        ways.push("files");
    }
    if std::fs::write("/tmp/selvedge-prisoner", "out").is_ok() {
        ways.push("writing");
    }
    if std::env::vars().next().is_some() {
        ways.push("environment");
    }
    if std::env::args().any(|argument| !argument.is_empty()) {
        ways.push("arguments");
    }
    if std::net::TcpStream::connect("127.0.0.1:80").is_ok() {
        ways.push("sockets");
    }
    println!("said on standard output");
    eprintln!("said on standard error");
    log::info!("ways out: {:?}", ways);
    Ok(KeyDecision::Policy)
}
