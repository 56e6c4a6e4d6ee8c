//! The first scenario of each hook of a new project: what `selvedge plugin test` plays. Each holds whatever other hooks the
//! project has.

use super::Hook;

impl Hook {
    /// The text of `scenarios/<hook>.toml`.
    pub(super) fn scenario(self) -> &'static str {
        match self {
            Hook::ViewerRequest => VIEWER_REQUEST,
            Hook::CacheKey => CACHE_KEY,
            Hook::OriginSelection => ORIGIN_SELECTION,
            Hook::OriginRequest => ORIGIN_REQUEST,
            Hook::OriginResponse => ORIGIN_RESPONSE,
            Hook::Ttl => TTL,
            Hook::ViewerResponse => VIEWER_RESPONSE,
        }
    }
}

const CACHE_KEY: &str = r#"about = "advertising parameters do not split the cache"

[[origins]]
id = "main"
[[origins.answers]]
path = "/page"
fields = { Cache-Control = "max-age=60" }
body = "hello"

[[steps]]
get = "/page?id=1&utm_source=mail"
[steps.expect]
status = 200
cache = "miss"
body = "hello"

[[steps]]
get = "/page?fbclid=x&id=1"
[steps.expect]
cache = "hit"
origin = "none"
"#;

const ORIGIN_SELECTION: &str = r#"about = "paths below /beta/ go to the origin that the configuration names"

[plugin.config]
beta_origin = "next"

# Without answers, an origin answers everything with 200 and "ok".
[[origins]]
id = "main"

[[origins]]
id = "next"

[[steps]]
get = "/page"
[steps.expect]
status = 200
origin = "main"

[[steps]]
get = "/beta/page"
[steps.expect]
status = 200
origin = "next"
"#;

const TTL: &str = r#"about = "pages live for a minute"

[plugin.config]
page_seconds = 60

[[origins]]
id = "main"
[[origins.answers]]
path = "/page"
fields = { Content-Type = "text/html" }
body = "<p>hello"

[[steps]]
get = "/page"
[steps.expect]
cache = "miss"
ttl = "60 s"

# The clock stands still until a step moves it.
[[steps]]
advance = "59 s"
get = "/page"
[steps.expect]
cache = "hit"
ttl = "1 s"

[[steps]]
advance = "2 s"
get = "/page"
[steps.expect]
cache = "stale"
origin = "main"
"#;

const VIEWER_REQUEST: &str = r#"about = "folders have an index.html"

[[steps]]
get = "/docs/"
[steps.expect]
status = 200
[steps.expect.at_origin]
path = "/docs/index.html"

[[steps]]
get = "/docs/page.html"
[steps.expect.at_origin]
path = "/docs/page.html"
"#;

const ORIGIN_REQUEST: &str = r#"about = "the origin hears which edge asks, and nothing of debugging"

[[steps]]
get = "/page"
fields = { X-Debug = "1" }
[steps.expect]
status = 200
[steps.expect.at_origin]
fields = { X-Served-By = "edge" }
no_fields = ["X-Debug"]
"#;

const ORIGIN_RESPONSE: &str = r#"about = "assets are stored without cookies"

[[origins]]
id = "main"
[[origins.answers]]
path = "/assets/*"
fields = { Set-Cookie = "id=1", Cache-Control = "max-age=60" }
body = "p {}"

[[steps]]
get = "/assets/a.css"
[steps.expect]
status = 200
no_fields = ["Set-Cookie"]

[[steps]]
get = "/assets/a.css"
[steps.expect]
cache = "hit"
no_fields = ["Set-Cookie"]
"#;

const VIEWER_RESPONSE: &str = r#"about = "every response is marked"

[[origins]]
id = "main"
[[origins.answers]]
path = "/page"
fields = { X-Powered-By = "a secret" }
body = "hello"

[[steps]]
get = "/page"
[steps.expect]
status = 200
fields = { X-Content-Type-Options = "nosniff" }
no_fields = ["X-Powered-By"]

[[steps]]
get = "/nothing-here"
[steps.expect]
status = 404
fields = { X-Content-Type-Options = "nosniff" }
"#;

#[cfg(test)]
mod tests {
    use super::Hook;
    use crate::config;

    #[test]
    fn every_first_scenario_can_be_read() {
        let dir = tempfile::tempdir().unwrap();
        for hook in Hook::ALL {
            let file = dir.path().join(format!("{}.toml", hook.as_str()));
            std::fs::write(&file, hook.scenario()).unwrap();
            let read = config::load_scenario(&file);
            let scenario = read.unwrap_or_else(|report| panic!("{report}"));
            assert!(!scenario.script.about.is_empty());
        }
    }
}
