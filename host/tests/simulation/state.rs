//! How the origin answers for a resource at the moment.

use crate::content::Resource;
use crate::random::Random;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length,
    Chunked,
}

/// The value of Cache-Control.
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
    /// Sends bytes that are not HTTP.
    Garbage,
}

/// The ttl hook's decision about a response, if there is such a hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hook {
    Policy,
    Lifetime(u64),
    DontStore,
}

impl Hook {
    /// As the origin tells the hook.
    pub(crate) fn field(self) -> String {
        match self {
            Hook::Policy => "policy".to_owned(),
            Hook::Lifetime(seconds) => format!("lifetime={seconds}"),
            Hook::DontStore => "dont-store".to_owned(),
        }
    }

    fn any(random: &mut Random) -> Hook {
        let seconds = random.between(0, 60);
        random.weighted(&[
            (4, Hook::Policy),
            (4, Hook::Lifetime(seconds)),
            (1, Hook::DontStore),
        ])
    }
}

/// How a resource is at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) said: Said,
    pub(crate) hook: Hook,
    pub(crate) mode: Mode,
    pub(crate) framing: Framing,
    /// Seconds of Age that a cache before the origin adds.
    pub(crate) age: u64,
    /// True if the origin closes the connection after each response.
    pub(crate) closes: bool,
}

impl State {
    pub(crate) fn first(resource: &Resource, random: &mut Random) -> State {
        let mut state = State {
            version: 0,
            said: Said::steady(random),
            hook: Hook::Policy,
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
        self.hook = Hook::any(random);
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

    /// A state of a resource that always answers well.
    pub(crate) fn change_steadily(&mut self, random: &mut Random) {
        self.said = Said::steady(random);
        self.framing = random.one_of(&[Framing::Length, Framing::Chunked]);
        self.closes = random.chance(20);
    }
}
