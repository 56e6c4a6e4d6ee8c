//! What the origin has: resources with versions, and the rules under which it lets them be stored.

use crate::random::Random;

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
}

/// Seconds, in all policies.
pub(crate) const MAX_TTL: u64 = 600;
/// Seconds, in [`Policy::Default`].
pub(crate) const DEFAULT_TTL: u64 = 60;
/// Seconds, in [`Policy::Default`].
pub(crate) const ERROR_MIN_TTL: u64 = 10;
/// Larger bodies pass without being stored.
pub(crate) const MAX_OBJECT: usize = 256 * 1024;

/// What names a version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validator {
    Strong,
    Weak,
    /// Last-Modified, which is also what the heuristic lifetime comes from.
    Modified,
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
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
    /// Whether the origin always answers, and always with something fresh that may be shared: then one fetch serves all.
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

pub(crate) const RESOURCES: [Resource; 14] = [
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

/// What Cache-Control says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) max_age: Option<u64>,
    pub(crate) s_maxage: Option<u64>,
    pub(crate) stale_while_revalidate: Option<u64>,
    pub(crate) stale_if_error: Option<u64>,
    pub(crate) no_store: bool,
    pub(crate) private: bool,
    pub(crate) no_cache: bool,
    pub(crate) must_revalidate: bool,
}

impl Said {
    /// Never empty, so that a 304 always replaces what was said before.
    pub(crate) fn field(&self) -> String {
        let mut value = String::from("x-nothing");
        let numbers = [
            ("max-age", self.max_age),
            ("s-maxage", self.s_maxage),
            ("stale-while-revalidate", self.stale_while_revalidate),
            ("stale-if-error", self.stale_if_error),
        ];
        for (name, seconds) in numbers {
            if let Some(seconds) = seconds {
                value += &format!(", {name}={seconds}");
            }
        }
        let words = [
            ("no-store", self.no_store),
            ("private", self.private),
            ("no-cache", self.no_cache),
            ("must-revalidate", self.must_revalidate),
        ];
        for (name, is_said) in words {
            if is_said {
                value += &format!(", {name}");
            }
        }
        value
    }

    /// Fresh for a while, and for everybody.
    pub(crate) fn steady(random: &mut Random) -> Said {
        Said {
            max_age: Some(random.between(5, 90)),
            ..Said::default()
        }
    }

    pub(crate) fn any(random: &mut Random) -> Said {
        let mut said = Said::default();
        if random.chance(70) {
            said.max_age = Some(random.one_of(&[0, 1, 5, 20, 60, 900]));
        }
        if random.chance(15) {
            said.s_maxage = Some(random.one_of(&[0, 3, 30]));
        }
        if random.chance(30) {
            said.stale_while_revalidate = Some(random.one_of(&[0, 4, 30]));
        }
        if random.chance(30) {
            said.stale_if_error = Some(random.one_of(&[0, 10, 120]));
        }
        said.no_store = random.chance(7);
        said.private = random.chance(7);
        said.no_cache = random.chance(8);
        said.must_revalidate = random.chance(8);
        said
    }
}

/// How the origin answers for a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// The resource, with validation and ranges.
    Good,
    /// An error response.
    Error(u16),
    /// The head and half of the body, then the connection ends.
    Truncates,
    /// The connection ends without a response.
    Closes,
    /// What comes is not HTTP.
    Garbage,
}

/// How a resource is at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) said: Said,
    pub(crate) mode: Mode,
    pub(crate) framing: Framing,
    /// Seconds of Age that a cache before the origin adds.
    pub(crate) age: u64,
    /// Whether the origin closes the connection after each response.
    pub(crate) closes: bool,
}

impl State {
    pub(crate) fn first(resource: &Resource, random: &mut Random) -> State {
        let mut state = State {
            version: 0,
            said: Said::steady(random),
            mode: Mode::Good,
            framing: Framing::Length,
            age: 0,
            closes: false,
        };
        if !resource.is_steady {
            state.change(random);
        }
        state
    }

    /// Another way of answering.
    pub(crate) fn change(&mut self, random: &mut Random) {
        self.said = Said::any(random);
        self.mode = random.weighted(&[
            (75, Mode::Good),
            (5, Mode::Error(500)),
            (3, Mode::Error(503)),
            (4, Mode::Error(404)),
            (5, Mode::Truncates),
            (5, Mode::Closes),
            (3, Mode::Garbage),
        ]);
        self.framing = random.one_of(&[Framing::Length, Framing::Chunked]);
        self.age = if random.chance(15) {
            random.between(1, 30)
        } else {
            0
        };
        self.closes = random.chance(20);
    }

    /// The same for a resource that always answers well.
    pub(crate) fn change_steadily(&mut self, random: &mut Random) {
        self.said = Said::steady(random);
        self.framing = random.one_of(&[Framing::Length, Framing::Chunked]);
        self.closes = random.chance(20);
    }
}
