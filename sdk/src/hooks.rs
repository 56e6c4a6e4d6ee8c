//! The hooks, one page each, in the order in which they run: when it runs, what it may decide, and a complete small
//! plugin.
//!
//! | Hook | Attribute | Decision |
//! |---|---|---|
//! | [`viewer_request`] | `#[viewer_request]` | [`ViewerRequestDecision`] |
//! | [`cache_key`] | `#[cache_key]` | [`KeyDecision`] |
//! | [`origin_selection`] | `#[origin_selection]` | [`OriginDecision`] |
//! | [`origin_request`] | `#[origin_request]` | [`OriginRequestDecision`] |
//! | [`origin_response`] | `#[origin_response]` | [`OriginResponseDecision`] |
//! | [`ttl`] | `#[ttl]` | [`TtlDecision`] |
//! | [`viewer_response`] | `#[viewer_response]` | [`ViewerResponseDecision`] |

#[allow(unused_imports, reason = "for the links of the pages")]
use crate::{
    KeyDecision, OriginDecision, OriginRequestDecision, OriginResponseDecision, Producer,
    Transform, TtlDecision, ViewerRequestDecision, ViewerResponseDecision,
};

macro_rules! pages {
    ($({ $hook:ident $module:ident $name:literal $($rest:tt)* })*) => {
        $(
            #[expect(
                clippy::test_attr_in_doctest,
                reason = "a page shows the plugin's own tests; the runtime's tests take them out of the page and run them"
            )]
            #[doc = include_str!(concat!("../docs/", $name, ".md"))]
            pub mod $module {
                #[allow(unused_imports, reason = "for the links of the page")]
                use crate::{Producer, Transform};
            }
        )*
    };
}

hooks!(pages);
