//! The origin's content: resources with versions, and the rules under which it lets them be stored.

/// The cache policy of a resource's behavior.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Policy {
    /// All minimums and defaults 0: a plain RFC 9111 cache.
    Plain,
    /// A default lifetime, and a minimum for errors.
    Default,
    /// Plain, and the request's Cache-Control counts.
    Honor,
    /// Plain, and the key has the codings that the viewer accepts.
    Coded,
    /// Plain, and stored in slices.
    Sliced,
    /// Plain, with a plugin: the viewer's device is in the key, and a hook may decide the lifetime.
    Plugged,
}

/// Seconds, in all policies.
pub(crate) const MAX_TTL: u64 = 600;
/// Seconds, in [`Policy::Default`].
pub(crate) const DEFAULT_TTL: u64 = 60;
/// Seconds, in [`Policy::Default`].
pub(crate) const ERROR_MIN_TTL: u64 = 10;
/// Bytes of a slice, in [`Policy::Sliced`].
pub(crate) const SLICE: usize = 64 * 1024;
/// Larger bodies pass without being stored.
pub(crate) const MAX_OBJECT: usize = 256 * 1024;

/// The name of a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validator {
    Strong,
    Weak,
    /// Last-Modified, which is also what the heuristic lifetime comes from.
    Modified,
    None,
}

/// One URL of the origin.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Resource {
    pub(crate) path: &'static str,
    pub(crate) policy: Policy,
    pub(crate) varies: bool,
    pub(crate) validator: Validator,
    /// Bytes of version 0; later ones are longer.
    pub(crate) size: usize,
    /// True if the origin always answers, and always with something fresh that may be shared: then one fetch serves all.
    pub(crate) is_steady: bool,
}

const fn resource(
    path: &'static str,
    policy: Policy,
    varies: bool,
    validator: Validator,
    size: usize,
) -> Resource {
    Resource {
        path,
        policy,
        varies,
        validator,
        size,
        is_steady: false,
    }
}

const fn steady(resource: Resource) -> Resource {
    Resource {
        is_steady: true,
        ..resource
    }
}

pub(crate) const RESOURCES: [Resource; 20] = [
    resource(
        "/plain/strong",
        Policy::Plain,
        false,
        Validator::Strong,
        900,
    ),
    resource("/plain/weak", Policy::Plain, false, Validator::Weak, 3_000),
    resource(
        "/plain/dated",
        Policy::Plain,
        false,
        Validator::Modified,
        40,
    ),
    resource(
        "/plain/varied",
        Policy::Plain,
        true,
        Validator::Strong,
        2_000,
    ),
    resource(
        "/plain/middle",
        Policy::Plain,
        false,
        Validator::Strong,
        150_000,
    ),
    resource(
        "/plain/large",
        Policy::Plain,
        true,
        Validator::Strong,
        400_000,
    ),
    resource(
        "/default/bare",
        Policy::Default,
        false,
        Validator::None,
        700,
    ),
    resource(
        "/default/varied",
        Policy::Default,
        true,
        Validator::Weak,
        5_000,
    ),
    resource(
        "/honor/strong",
        Policy::Honor,
        false,
        Validator::Strong,
        1_200,
    ),
    resource(
        "/honor/dated",
        Policy::Honor,
        true,
        Validator::Modified,
        600,
    ),
    resource(
        "/coded/strong",
        Policy::Coded,
        false,
        Validator::Strong,
        1_500,
    ),
    resource(
        "/sliced/strong",
        Policy::Sliced,
        false,
        Validator::Strong,
        200_000,
    ),
    resource(
        "/sliced/weak",
        Policy::Sliced,
        false,
        Validator::Weak,
        70_000,
    ),
    steady(resource(
        "/sliced/steady",
        Policy::Sliced,
        false,
        Validator::Strong,
        140_000,
    )),
    resource(
        "/plugged/strong",
        Policy::Plugged,
        false,
        Validator::Strong,
        1_100,
    ),
    resource(
        "/plugged/varied",
        Policy::Plugged,
        true,
        Validator::Weak,
        2_500,
    ),
    steady(resource(
        "/plugged/steady",
        Policy::Plugged,
        false,
        Validator::Strong,
        8_000,
    )),
    steady(resource(
        "/plain/steady",
        Policy::Plain,
        false,
        Validator::Strong,
        60_000,
    )),
    steady(resource(
        "/plain/steady-varied",
        Policy::Plain,
        true,
        Validator::Strong,
        9_000,
    )),
    steady(resource(
        "/default/steady",
        Policy::Default,
        false,
        Validator::None,
        4_000,
    )),
];

impl Resource {
    pub(crate) fn by_path(path: &str) -> Option<usize> {
        RESOURCES.iter().position(|resource| resource.path == path)
    }

    /// In what a response differs from others of the same version: the language, and the device where the plugin's key has it.
    pub(crate) fn variant(&self, lang: Option<&str>, device: Option<&str>) -> String {
        let lang = lang.filter(|_| self.varies).unwrap_or("none");
        let device = match self.policy {
            Policy::Plugged => format!("/{}", device.unwrap_or("none")),
            _ => String::new(),
        };
        format!("{}{device}", lang.to_ascii_lowercase())
    }

    /// The tags of one version.
    pub(crate) fn tags(&self, version: u64) -> [String; 2] {
        let folder = self.path.split('/').nth(1).unwrap_or_default();
        [folder.to_owned(), format!("v{}", version % 3)]
    }

    /// The bytes of one version in one language.
    pub(crate) fn body(&self, lang: &str, version: u64) -> Vec<u8> {
        let length = self.size + 7 * version as usize;
        let word = format!("{} {lang} version {version}. ", self.path);
        word.bytes().cycle().take(length).collect()
    }

    /// The value of ETag.
    pub(crate) fn etag(&self, lang: &str, version: u64) -> Option<String> {
        match self.validator {
            Validator::Strong => Some(format!("\"{lang}{version}\"")),
            Validator::Weak => Some(format!("W/\"{lang}{version}\"")),
            Validator::Modified | Validator::None => None,
        }
    }
}
