//! The reasons for which a response is not stored.

/// A reason why a response is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NoStore {
    /// The request's method is not GET.
    Method,
    /// The policy's longest lifetime is 0.
    Disabled,
    /// A ttl hook said so.
    Plugin,
    /// The request says `no-store`, and the behavior honours it.
    RequestNoStore,
    /// The status is interim, 304, 412, or 416.
    Status,
    /// The response says `must-understand`, and its status is not one that this cache understands.
    MustUnderstand,
    /// The response says `no-store`.
    NoStore,
    /// The response says `private`.
    Private,
    /// The request has Authorization, and the response does not say that it may be shared.
    Authorization,
    /// The response sets a cookie and does not say that it is fresh at any time.
    SetCookie,
    /// The response gives no freshness, and its status does not allow to assume any.
    NoFreshness,
    /// The response is stale on arrival and could not be validated.
    NotFresh,
    /// `Vary: *`.
    VaryStar,
    /// A 206 without a Content-Range that can be read.
    PartUnknown,
    /// A part that has another length than its Content-Range says.
    PartLength,
    /// The fields are larger than the policy allows.
    FieldsTooLarge,
    /// There are more tags than the policy allows.
    TooManyTags,
}

impl NoStore {
    /// The word in Cache-Status, in logs and in metrics.
    pub const fn as_str(&self) -> &'static str {
        match self {
            NoStore::Method => "method",
            NoStore::Disabled => "caching-disabled",
            NoStore::Plugin => "plugin",
            NoStore::RequestNoStore => "request-no-store",
            NoStore::Status => "status",
            NoStore::MustUnderstand => "must-understand",
            NoStore::NoStore => "no-store",
            NoStore::Private => "private",
            NoStore::Authorization => "authorization",
            NoStore::SetCookie => "set-cookie",
            NoStore::NoFreshness => "no-freshness",
            NoStore::NotFresh => "not-fresh",
            NoStore::VaryStar => "vary-star",
            NoStore::PartUnknown => "part-unknown",
            NoStore::PartLength => "part-length",
            NoStore::FieldsTooLarge => "fields-too-large",
            NoStore::TooManyTags => "too-many-tags",
        }
    }
}
