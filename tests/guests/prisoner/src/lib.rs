//! Tries every way out, and logs what it found. `port` in its configuration is where somebody listens on the loopback address.

mod host;

use selvedge_sdk::prelude::*;
use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};

#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    let port = config::parse::<u16>("port")?.unwrap_or(80);
    let mut ways = Vec::new();
    ways.extend(files().into_iter().map(|way| format!("file: {way}")));
    ways.extend(process().into_iter().map(|way| format!("process: {way}")));
    ways.extend(
        network(port)
            .into_iter()
            .map(|way| format!("network: {way}")),
    );
    // The standard library knows of no socket on this target, and of no folder that it was not told of. The host might
    // still have them: so it is asked itself.
    ways.extend(
        host::ways(port)
            .into_iter()
            .map(|way| format!("host: {way}")),
    );
    println!("said on standard output");
    eprintln!("said on standard error");
    log::info!("ways out: {:?}", ways);
    log::info!("the host refused: {:?}", host::refusals(port));
    Ok(KeyDecision::Policy)
}

/// The names of those that are open.
fn open<const N: usize>(tried: [(&'static str, bool); N]) -> Vec<&'static str> {
    let open = tried.into_iter().filter(|(_, open)| *open);
    open.map(|(name, _)| name).collect()
}

fn files() -> Vec<&'static str> {
    let made = "/tmp/selvedge-prisoner";
    open([
        ("read", fs::read("/etc/passwd").is_ok()),
        ("read here", fs::read("selvedge.toml").is_ok()),
        ("read above", fs::read("../selvedge.toml").is_ok()),
        ("look at", fs::metadata("/").is_ok()),
        ("list", fs::read_dir("/").is_ok()),
        ("list here", fs::read_dir(".").is_ok()),
        ("write", fs::write(made, "out").is_ok()),
        ("write here", fs::write("selvedge-prisoner", "out").is_ok()),
        ("make a folder", fs::create_dir(made).is_ok()),
        ("rename", fs::rename("/etc/hostname", made).is_ok()),
        ("link", fs::hard_link("/etc/hostname", made).is_ok()),
        ("remove", fs::remove_file(made).is_ok()),
        ("the host's memory", fs::read("/proc/self/mem").is_ok()),
        ("devices", fs::read("/dev/null").is_ok()),
    ])
}

fn process() -> Vec<&'static str> {
    let mut byte = [0];
    open([
        ("environment", std::env::vars_os().next().is_some()),
        ("a variable", std::env::var_os("PATH").is_some()),
        (
            "arguments",
            std::env::args_os().any(|argument| !argument.is_empty()),
        ),
        (
            "standard input",
            std::io::stdin().read(&mut byte).is_ok_and(|read| read > 0),
        ),
        (
            "another process",
            std::process::Command::new("/bin/true").spawn().is_ok(),
        ),
        ("a thread", std::thread::Builder::new().spawn(|| ()).is_ok()),
    ])
}

fn network(port: u16) -> Vec<&'static str> {
    open([
        ("connect", TcpStream::connect(("127.0.0.1", port)).is_ok()),
        ("connect by IPv6", TcpStream::connect(("::1", port)).is_ok()),
        ("listen", TcpListener::bind("127.0.0.1:0").is_ok()),
        ("datagrams", UdpSocket::bind("127.0.0.1:0").is_ok()),
        ("names", "localhost:80".to_socket_addrs().is_ok()),
    ])
}
