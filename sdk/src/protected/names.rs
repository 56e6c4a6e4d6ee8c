//! Fields that no hook may change: those of the connection, the framing of a message, and those that say which host answered
//! and what it saw. The lists are CloudFront's and the framing. The host reads this file too.

/// Out of reach at every hook, by name.
pub(super) const EVERYWHERE: [&str; 27] = [
    "connection",
    "content-length",
    "expect",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-accel-buffering",
    "x-accel-charset",
    "x-accel-limit-rate",
    "x-accel-redirect",
    "x-amzn-auth",
    "x-amzn-cf-billing",
    "x-amzn-cf-id",
    "x-amzn-cf-xff",
    "x-amzn-errortype",
    "x-amzn-fle-profile",
    "x-amzn-header-count",
    "x-amzn-header-order",
    "x-amzn-lambda-integration-tag",
    "x-amzn-requestid",
    "x-cache",
    "x-forwarded-proto",
    "x-real-ip",
];

/// Out of reach at every hook, by the beginning of the name.
pub(super) const BEGINNINGS: [&str; 2] = ["x-amz-cf-", "x-edge-"];
