//! Varnish with its cache in memory.

use super::{Place, Recipe};
use anyhow::Result;
use std::process::Command;

pub(super) const VARNISH: Recipe = Recipe {
    name: "Varnish",
    package: "varnish",
    needs: &["varnishd"],
    version: &["varnishd", "-V"],
    prepare,
};

/// It gives every connection a thread: two pools of threads are its nearest to two workers. HTTP/2 is recognised on
/// the one listener, so the address for it is a second one of the same kind.
fn prepare(place: &Place) -> Result<Command> {
    let (host, port) = (place.origin.ip(), place.origin.port());
    let vcl = format!("vcl 4.1;\nbackend default {{ .host = \"{host}\"; .port = \"{port}\"; }}\n");
    let file = place.write("default.vcl", vcl)?;
    let mut command = super::command("varnishd");
    command.args(["-F", "-j", "none", "-T", "none", "-s", "malloc,2G"]);
    command.args(["-p", "thread_pools=2", "-p", "feature=+http2"]);
    command.arg("-a").arg(place.address.to_string());
    command.arg("-a").arg(place.h2.to_string());
    command
        .arg("-n")
        .arg(place.folder.join("work"))
        .arg("-f")
        .arg(file);
    Ok(command)
}
