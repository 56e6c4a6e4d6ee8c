//! The plugins of the SDK's pages, each played by a scenario in the real host: what a page shows is what an author gets.

use selvedge_tests::*;
use std::fs;

/// A plugin for each hook, with the steps that show what its page says of it.
const PAGES: [(&str, &str); 7] = [
    ("viewer-request", VIEWER_REQUEST),
    ("cache-key", CACHE_KEY),
    ("origin-selection", ORIGIN_SELECTION),
    ("origin-request", ORIGIN_REQUEST),
    ("origin-response", ORIGIN_RESPONSE),
    ("ttl", TTL),
    ("viewer-response", VIEWER_RESPONSE),
];

const VIEWER_REQUEST: &str = r#"
[kv]
"/old" = "/new"

[[steps]]
get = "/healthz"
[steps.expect]
status = 200
body = "ok\n"
origin = "none"

[[steps]]
get = "/old"
[steps.expect]
status = 301
fields = { Location = "/new" }

[[steps]]
get = "/docs/"
[steps.expect.at_origin]
path = "/docs/index.html"
"#;

const CACHE_KEY: &str = r#"
[[origins]]
id = "main"
[[origins.answers]]
fields = { Cache-Control = "max-age=60" }

[[steps]]
get = "/?id=1&utm_source=mail"
[steps.expect]
cache = "miss"

[[steps]]
get = "/?id=1"
[steps.expect]
cache = "hit"

[[steps]]
get = "/?id=1"
fields = { User-Agent = "Mobile" }
[steps.expect]
cache = "miss"

[[steps]]
get = "/?id=1"
fields = { Accept-Language = "fr-CH" }
[steps.expect]
cache = "miss"
"#;

const ORIGIN_SELECTION: &str = r#"
[[origins]]
id = "main"
[[origins]]
id = "staging"

[[steps]]
get = "/a"
[steps.expect]
origin = "main"

[[steps]]
get = "/b"
fields = { Cookie = "tester=1" }
[steps.expect]
origin = "staging"
"#;

const ORIGIN_REQUEST: &str = r#"
[plugin.secrets]
origin_token = { file = "token" }

[[steps]]
get = "/a"
[steps.expect]
status = 200
[steps.expect.at_origin]
fields = { Authorization = "Bearer a-secret-token" }
"#;

const ORIGIN_RESPONSE: &str = r#"
[[origins]]
id = "main"
[[origins.answers]]
path = "/page"
fields = { Content-Type = "text/html" }
body = "<a href=http://a.test>"

[[origins]]
id = "archive"
[[origins.answers]]
path = "/old"
body = "old"

[[steps]]
get = "/page"
fields = { Accept-Encoding = "gzip, br" }
[steps.expect]
status = 200
body = "<a href=https://a.test>"
[steps.expect.at_origin]
fields = { Accept-Encoding = "identity" }

[[steps]]
get = "/old"
[steps.expect]
status = 200
body = "old"
origin = ["main", "archive"]

# The archive has it neither: it is not asked again.
[[steps]]
get = "/nowhere"
[steps.expect]
status = 404
origin = ["main", "archive"]
"#;

const TTL: &str = r#"
[plugin.config]
page_seconds = 30

[[origins]]
id = "main"
[[origins.answers]]
path = "/page"
fields = { Content-Type = "text/html" }
[[origins.answers]]
path = "/image"
fields = { Content-Type = "image/png" }

[[steps]]
get = "/page"
[steps.expect]
ttl = "30 s"

[[steps]]
get = "/image"
[steps.expect]
ttl = "1 d"
"#;

const VIEWER_RESPONSE: &str = r#"
[[origins]]
id = "main"
[[origins.answers]]
path = "/page"
fields = { Server = "x/1" }
[[origins.answers]]
status = 503

[[steps]]
get = "/page"
[steps.expect]
status = 200
fields = { X-Frame-Options = "DENY" }
no_fields = ["Strict-Transport-Security"]

[[steps]]
get = "/broken"
[steps.expect]
status = 503
fields = { Cache-Control = "no-store" }
"#;

/// The plugin as it stands on a page.
fn on_page(hook: &str) -> String {
    let page = workspace().join(format!("sdk/docs/{hook}.md"));
    let page = fs::read_to_string(page).expect("the page is there");
    let (_, rest) = page.split_once("```rust\n").expect("a page has a plugin");
    let (plugin, _) = rest.split_once("\n```").expect("the plugin ends");
    plugin.to_owned()
}

#[test]
fn the_plugins_of_the_pages_do_in_the_real_host_what_their_pages_say() {
    let dir = tempfile::TempDir::with_prefix("selvedge-pages-").expect("a temporary folder");
    for (hook, steps) in PAGES {
        let name = format!("page-{hook}");
        run_in(dir.path(), ["plugin", "new", &name, "--hook", hook]).code(0);
        let project = dir.path().join(&name);
        fs::write(project.join("src/lib.rs"), on_page(hook)).expect("the folder is ours");
        let scenarios = project.join("scenarios");
        fs::remove_dir_all(&scenarios).expect("the folder is ours");
        fs::create_dir(&scenarios).expect("the folder is ours");
        fs::write(scenarios.join("token"), "a-secret-token").expect("the folder is ours");
        let scenario = format!("about = \"the page of {hook}\"\n{steps}");
        fs::write(scenarios.join("page.toml"), scenario).expect("the folder is ours");
        run_in(&project, ["plugin", "test"])
            .code(0)
            .prints("1 passed, 0 failed");
    }
}
