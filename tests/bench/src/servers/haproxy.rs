//! HAProxy with its cache in memory, which answers whole objects only.

use super::{Place, Recipe};
use anyhow::Result;
use std::process::Command;

pub(super) const HAPROXY: Recipe = Recipe {
    name: "HAProxy",
    package: "haproxy",
    needs: &["haproxy"],
    version: &["haproxy", "-v"],
    prepare,
};

fn prepare(place: &Place) -> Result<Command> {
    let (address, h2, origin) = (place.address, place.h2, place.origin);
    let config = format!(
        "\
global
    nbthread 2
    maxconn 9000

defaults
    mode http
    timeout connect 5s
    timeout client 1h
    timeout server 1h

cache bench
    total-max-size 2048
    max-object-size 20000000
    max-age 86400

frontend viewers
    bind {address}
    bind {h2} proto h2
    http-request cache-use bench
    http-response cache-store bench
    default_backend origin

backend origin
    http-reuse always
    server origin {origin}
"
    );
    let file = place.write("haproxy.cfg", config)?;
    let mut command = super::command("haproxy");
    command.arg("-db").arg("-f").arg(file);
    Ok(command)
}
