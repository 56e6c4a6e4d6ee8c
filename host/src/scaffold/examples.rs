//! The hooks of a new project: for each a short function that does something, a test of it, and its configuration.

use super::Hook;

/// A hook as a new project begins with it.
pub(super) struct Example {
    /// The function with its attribute.
    pub(super) hook: &'static str,
    /// A native test of it.
    pub(super) test: &'static str,
    /// The lines of the distribution file that the function reads.
    pub(super) config: &'static str,
}

impl Hook {
    pub(super) fn example(self) -> &'static Example {
        match self {
            Hook::ViewerRequest => &VIEWER_REQUEST,
            Hook::CacheKey => &CACHE_KEY,
            Hook::OriginSelection => &ORIGIN_SELECTION,
            Hook::OriginRequest => &ORIGIN_REQUEST,
            Hook::OriginResponse => &ORIGIN_RESPONSE,
            Hook::Ttl => &TTL,
            Hook::ViewerResponse => &VIEWER_RESPONSE,
        }
    }
}

const CACHE_KEY: Example = Example {
    hook: r#"/// What makes two requests the same for the cache: the policy's key, but without advertising parameters.
#[cache_key]
fn key(_request: &Request) -> Result<KeyDecision> {
    Ok(KeyDecision::extend([KeyPart::query_except([
        "utm_*", "fbclid",
    ])]))
}
"#,
    test: r#"    #[test]
    fn advertising_parameters_do_not_split_the_cache() {
        let request =
            Request::builder("GET", "https://www.example.com/?id=1&utm_source=mail").build();
        let Ok(KeyDecision::Extend(parts)) = key(&request) else {
            panic!("the key is extended")
        };
        assert_eq!(parts, [KeyPart::query_except(["utm_*", "fbclid"])]);
    }
"#,
    config: "",
};

const ORIGIN_SELECTION: Example = Example {
    hook: r#"/// Which origin answers: paths below `/beta/` go to the origin that the configuration names.
#[origin_selection]
fn origin(request: &Request) -> Result<OriginDecision> {
    Ok(match config::get("beta_origin") {
        Some(id) if request.path().starts_with("/beta/") => OriginDecision::origin(id),
        _ => OriginDecision::Policy,
    })
}
"#,
    test: r#"    #[test]
    fn beta_paths_go_to_the_configured_origin() {
        let beta = Request::builder("GET", "/beta/page").build();
        assert_eq!(origin(&beta), Ok(OriginDecision::Policy));
        config::set("beta_origin", "next");
        assert_eq!(origin(&beta), Ok(OriginDecision::origin("next")));
        assert_eq!(
            origin(&Request::builder("GET", "/").build()),
            Ok(OriginDecision::Policy)
        );
    }
"#,
    config: "# beta_origin = \"next\"        # the id of an origin of this distribution\n",
};

const TTL: Example = Example {
    hook: r#"/// How long a response may be used: a minute for pages of which the origin does not say it.
#[ttl]
fn lifetime(_request: &Request, response: &Response) -> Result<TtlDecision> {
    let kind = response.field_text("Content-Type").unwrap_or_default();
    if response.status() != 200
        || response.field("Cache-Control").is_some()
        || !kind.starts_with("text/html")
    {
        return Ok(TtlDecision::Policy);
    }
    let seconds = config::parse("page_seconds")?.unwrap_or(60);
    Ok(TtlDecision::lifetime(Duration::from_secs(seconds)))
}
"#,
    test: r#"    #[test]
    fn pages_live_for_a_minute_unless_the_origin_says_otherwise() {
        let request = Request::builder("GET", "/").build();
        let page = Response::builder(200).field("Content-Type", "text/html; charset=utf-8");
        assert_eq!(
            lifetime(&request, &page.clone().build()),
            Ok(TtlDecision::lifetime(Duration::from_secs(60)))
        );
        let private = page.field("Cache-Control", "private").build();
        assert_eq!(lifetime(&request, &private), Ok(TtlDecision::Policy));
    }
"#,
    config: "page_seconds = 60\n",
};

const VIEWER_REQUEST: Example = Example {
    hook: r#"/// Changes a request, or answers it at once: folders have an `index.html`.
#[viewer_request]
fn on_viewer_request(request: &Request) -> Result<ViewerRequestDecision> {
    let path = request.path();
    if path.ends_with('/') {
        return Ok(RequestEdits::new().path(path + "index.html").into());
    }
    Ok(ViewerRequestDecision::Next)
}
"#,
    test: r#"    #[test]
    fn folders_have_an_index() {
        let folder = Request::builder("GET", "/docs/").build();
        let index = RequestEdits::new().path("/docs/index.html");
        assert_eq!(on_viewer_request(&folder), Ok(index.into()));
        let page = Request::builder("GET", "/docs/page.html").build();
        assert_eq!(on_viewer_request(&page), Ok(ViewerRequestDecision::Next));
    }
"#,
    config: "",
};

const ORIGIN_REQUEST: Example = Example {
    hook: r#"/// Changes what goes out to the origin: it is told which edge asks.
#[origin_request]
fn on_origin_request(request: &Request) -> Result<OriginRequestDecision> {
    let edits = RequestEdits::new().set("X-Served-By", request.edge());
    Ok(edits.remove("X-Debug").into())
}
"#,
    test: r#"    #[test]
    fn the_origin_hears_which_edge_asks() {
        let request = Request::builder("GET", "/").edge("zurich").build();
        let edits = RequestEdits::new()
            .set("X-Served-By", "zurich")
            .remove("X-Debug");
        assert_eq!(on_origin_request(&request), Ok(edits.into()));
    }
"#,
    config: "",
};

const ORIGIN_RESPONSE: Example = Example {
    hook: r#"/// Changes what came from the origin, before it is stored: no cookies with what everybody may have.
#[origin_response]
fn on_origin_response(request: &Request, response: &Response) -> Result<OriginResponseDecision> {
    if request.path().starts_with("/assets/") && response.field("Set-Cookie").is_some() {
        return Ok(ResponseEdits::new().remove("Set-Cookie").into());
    }
    Ok(OriginResponseDecision::Next)
}
"#,
    test: r#"    #[test]
    fn assets_come_without_cookies() {
        let request = Request::builder("GET", "/assets/a.css").build();
        let response = Response::builder(200).field("Set-Cookie", "id=1").build();
        let Ok(OriginResponseDecision::Edit(edits)) = on_origin_response(&request, &response)
        else {
            panic!("it edits")
        };
        assert_eq!(edits, ResponseEdits::new().remove("Set-Cookie"));
    }
"#,
    config: "",
};

const VIEWER_RESPONSE: Example = Example {
    hook: r#"/// Changes what leaves for the viewer: nothing of it is stored.
#[viewer_response]
fn on_viewer_response(_request: &Request, _response: &Response) -> Result<ViewerResponseDecision> {
    let edits = ResponseEdits::new().set("X-Content-Type-Options", "nosniff");
    Ok(edits.remove("X-Powered-By").into())
}
"#,
    test: r#"    #[test]
    fn every_response_is_marked() {
        let request = Request::builder("GET", "/").build();
        let response = Response::builder(404).build();
        let edits = ResponseEdits::new()
            .set("X-Content-Type-Options", "nosniff")
            .remove("X-Powered-By");
        assert_eq!(on_viewer_response(&request, &response), Ok(edits.into()));
    }
"#,
    config: "",
};
