//! The plugins of the SDK's pages, one for each hook, each as it stands there, in one file.

macro_rules! page {
    ($module:ident, $file:literal) => {
        mod $module {
            include!(concat!(env!("OUT_DIR"), "/", $file, ".rs"));
        }
    };
}

page!(viewer_request, "viewer-request");
page!(cache_key, "cache-key");
page!(origin_selection, "origin-selection");
page!(origin_request, "origin-request");
page!(origin_response, "origin-response");
page!(ttl, "ttl");
page!(viewer_response, "viewer-response");
