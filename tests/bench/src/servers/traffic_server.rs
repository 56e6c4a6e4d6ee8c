//! Traffic Server with memory before its cache on disk.

use super::{Place, Recipe};
use anyhow::Result;
use std::process::Command;

pub(super) const TRAFFIC_SERVER: Recipe = Recipe {
    name: "Traffic Server",
    package: "trafficserver",
    needs: &["traffic_server"],
    version: &["traffic_server", "-V"],
    prepare,
};

fn prepare(place: &Place) -> Result<Command> {
    let folder = place.folder.display();
    let (ip, port, h2) = (place.address.ip(), place.address.port(), place.h2.port());
    for sub in ["run", "log", "cache"] {
        std::fs::create_dir_all(place.folder.join(sub))?;
    }
    let root = place.write(
        "runroot.yaml",
        format!(
            "\
prefix: {folder}
exec_prefix: /usr
bindir: /usr/bin
sbindir: /usr/bin
sysconfdir: {folder}/etc
datadir: {folder}/cache
includedir: /usr/include
libdir: /usr/lib
libexecdir: /usr/lib/trafficserver/modules
localstatedir: {folder}/run
runtimedir: {folder}/run
logdir: {folder}/log
mandir: /usr/share/man
infodir: /usr/share/info
cachedir: {folder}/cache
"
        ),
    )?;
    // A port speaks HTTP/2 without TLS if it is told to. Reading while another request writes is what its manual
    // sets up for crowds.
    place.write(
        "etc/records.config",
        format!(
            "\
CONFIG proxy.config.http.server_ports STRING {port}:ip-in={ip} {h2}:proto=http2:ip-in={ip}
CONFIG proxy.config.exec_thread.autoconfig INT 0
CONFIG proxy.config.exec_thread.limit INT 2
CONFIG proxy.config.admin.user_id STRING #-1
CONFIG proxy.config.log.logging_enabled INT 0
CONFIG proxy.config.cache.ram_cache.size INT 1073741824
CONFIG proxy.config.cache.ram_cache_cutoff INT 33554432
CONFIG proxy.config.net.connections_throttle INT 30000
CONFIG proxy.config.http.keep_alive_no_activity_timeout_in INT 3600
CONFIG proxy.config.http.transaction_no_activity_timeout_in INT 3600
CONFIG proxy.config.cache.enable_read_while_writer INT 1
CONFIG proxy.config.http.background_fill_active_timeout INT 0
CONFIG proxy.config.http.background_fill_completed_threshold FLOAT 0.0
CONFIG proxy.config.http.cache.open_write_fail_action INT 5
CONFIG proxy.config.http.cache.max_open_write_retries INT 100
CONFIG proxy.config.http.cache.max_open_read_retries INT 100
CONFIG proxy.config.http.cache.open_read_retry_time INT 10
CONFIG proxy.config.diags.debug.enabled INT 0
"
        ),
    )?;
    place.write(
        "etc/remap.config",
        format!("map / http://{}/\n", place.origin),
    )?;
    place.write("etc/storage.config", format!("{folder}/cache 2G\n"))?;
    place.write(
        "etc/ip_allow.yaml",
        "ip_allow:\n  - apply: in\n    ip_addrs: 127.0.0.1\n    action: allow\n    methods: ALL\n",
    )?;
    for name in [
        "plugin",
        "cache",
        "hosting",
        "parent",
        "splitdns",
        "volume",
        "ssl_multicert",
        "socks",
    ] {
        place.write(&format!("etc/{name}.config"), "")?;
    }
    let mut command = super::command("traffic_server");
    command.arg(format!("--run-root={}", root.display()));
    Ok(command)
}
