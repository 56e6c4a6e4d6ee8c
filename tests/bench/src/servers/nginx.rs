//! nginx with its proxy cache, plain and with Lua that decides what a plugin decides.

use super::{Place, Recipe};
use anyhow::Result;
use std::process::Command;

const MODULES: &str = "/usr/lib/nginx/modules";

pub(super) const NGINX: Recipe = Recipe {
    name: "nginx",
    package: "nginx",
    needs: &["nginx"],
    version: &["nginx", "-v"],
    prepare: |place| prepare(place, "", "proxy_pass http://main;"),
};

pub(super) const NGINX_LUA: Recipe = Recipe {
    name: "nginx+Lua",
    package: "nginx libnginx-mod-http-lua",
    needs: &[
        "nginx",
        "/usr/lib/nginx/modules/ndk_http_module.so",
        "/usr/lib/nginx/modules/ngx_http_lua_module.so",
    ],
    version: &["nginx", "-v"],
    prepare: |place| {
        let modules = format!(
            "load_module {MODULES}/ndk_http_module.so;\nload_module {MODULES}/ngx_http_lua_module.so;\n"
        );
        prepare(place, &modules, LUA)
    },
};

/// The decisions of the quickstart's plugin in Lua: key, origin, lifetime.
const LUA: &str = r#"
            set $key "";
            set $chosen "";
            rewrite_by_lua_block {
                local agent = ngx.var.http_user_agent or ""
                local phone = agent:find("iPhone", 1, true) or agent:find("Android", 1, true) or agent:find("Mobile", 1, true)
                local canary = (ngx.var.http_x_canary or ngx.var.cookie_canary) == "1"
                ngx.var.key = (phone and "phone" or "desktop") .. (canary and "canary" or "main")
                ngx.var.chosen = canary and "canary" or "main"
            }
            header_filter_by_lua_block {
                local kind = ngx.header["Content-Type"] or ""
                if kind:find("text/html", 1, true) == 1 then
                    ngx.header["Cache-Control"] = "max-age=10"
                elseif kind:find("image/", 1, true) == 1 then
                    ngx.header["Cache-Control"] = "max-age=2592000"
                end
            }
            proxy_cache_key "$key$request_uri";
            proxy_pass http://$chosen;
"#;

/// The beginnings of the paths of large objects. With `tcp_nopush` the last piece of a range, or of a
/// miss of 64 KiB, waits for the viewer's delayed
/// acknowledgement, 40 ms; without it 1 MiB is cheaper too, but small answers go out in two pieces and are dearer.
const LARGE: [&str; 3] = ["/65536/", "/1048576/", "/16777216/"];

fn prepare(place: &Place, modules: &str, location: &str) -> Result<Command> {
    let (address, h2, origin) = (place.address, place.h2, place.origin);
    let folder = place.folder.display();
    let cached = format!(
        r#"
            proxy_cache bench;
            proxy_cache_valid 200 1d;
            proxy_cache_lock on;
            proxy_force_ranges on;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            {location}"#
    );
    let large = LARGE.map(|path| {
        format!("location {path} {{\n            tcp_nopush off;{cached}\n        }}\n")
    });
    let large = large.join("        ");
    let config = format!(
        r#"{modules}
user root;
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 16000; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    proxy_cache_path {folder}/cache levels=1:2 keys_zone=bench:128m max_size=2g inactive=1d use_temp_path=off;
    upstream main {{
        server {origin};
        keepalive 64;
        keepalive_requests 1000000000;
    }}
    upstream canary {{
        server {origin};
    }}
    server {{
        listen {address};
        listen {h2} http2;
        {large}
        location / {{
            tcp_nopush on;{cached}
        }}
    }}
}}
"#
    );
    let file = place.write("nginx.conf", config)?;
    let mut command = super::command("nginx");
    command.arg("-e").arg(place.folder.join("error.log"));
    command.arg("-p").arg(&place.folder).arg("-c").arg(file);
    Ok(command)
}
