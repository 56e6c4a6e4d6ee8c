//! The hooks of the contract, one row each, in the order in which they run.
//!
//! The attributes, the SDK's pages and lists, the host's runtime and its scaffold are made from these rows: each has a macro
//! that takes all of them. A row has
//!
//! - the variant of `Hook`, the module, the name of the interface in `edge.wit`;
//! - the function that the host calls, its arguments, and the decision that it returns;
//! - `asks`: the question that the hook answers, and `runs`: when it is called;
//! - `may_not_edit`, for hooks that edit fields: the fields out of reach at this hook, besides those that are out of reach at
//!   every hook.

macro_rules! hooks {
    ($make:ident) => {
        $make! {
            {
                ViewerRequest viewer_request "viewer-request"
                handle(Request) -> ViewerRequestDecision
                asks "whether a request is changed, or answered at once"
                runs "first, before the cache key is made"
                may_not_edit ["cdn-loop", "host", "via"]
            }
            {
                CacheKey cache_key "cache-key"
                decide(Request) -> KeyDecision
                asks "what makes two requests the same for the cache"
                runs "before the cache look-up"
            }
            {
                OriginSelection origin_selection "origin-selection"
                select(Request) -> OriginDecision
                asks "which origin answers"
                runs "when an origin has to be asked, not on a hit"
            }
            {
                OriginRequest origin_request "origin-request"
                handle(Request) -> OriginRequestDecision
                asks "what goes out to the origin"
                runs "when an origin has been chosen"
                // Which part comes back, and whether any does, has to fit what is stored.
                may_not_edit [
                    "accept-encoding",
                    "cdn-loop",
                    "if-match",
                    "if-modified-since",
                    "if-none-match",
                    "if-range",
                    "if-unmodified-since",
                    "range",
                    "via",
                ]
            }
            {
                OriginResponse origin_response "origin-response"
                handle(Request, Response) -> OriginResponseDecision
                asks "what becomes of an origin's response before it is stored"
                runs "when an origin has answered"
                may_not_edit ["content-range", "via"]
            }
            {
                Ttl ttl "ttl"
                decide(Request, Response) -> TtlDecision
                asks "how long a response may be used"
                runs "when an origin has answered, before the response is stored"
            }
            {
                ViewerResponse viewer_response "viewer-response"
                handle(Request, Response) -> ViewerResponseDecision
                asks "what leaves for the viewer"
                runs "on every response, errors and made ones included, after the cache"
                may_not_edit ["content-range", "via", "warning"]
            }
        }
    };
}
