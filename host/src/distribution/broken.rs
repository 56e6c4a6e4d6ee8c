//! Files with errors, and what is in force of them.

use std::path::PathBuf;
use std::sync::Arc;

/// A file of the folder of distributions that has errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The file.
    pub file: PathBuf,
    /// The id, if it can be recognised.
    pub id: Option<Arc<str>>,
    /// The version in force in its place.
    pub serves: Serves,
    /// The errors, as `check` prints them.
    pub report: String,
}

/// The version in force of a file that has errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    /// Its last version that was right.
    LastGood,
    /// The present one, but for host names that are another's.
    WithoutSomeNames,
    /// Nothing: its host names answer 503.
    Nothing,
}

impl Serves {
    /// The word for lists and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Serves::LastGood => "last-good",
            Serves::WithoutSomeNames => "without-some-names",
            Serves::Nothing => "nothing",
        }
    }

    /// Consequence for viewers, as the end of a sentence.
    pub fn consequence(self) -> &'static str {
        match self {
            Serves::LastGood => "its last good version stays in force",
            Serves::WithoutSomeNames => "it is in force without the host names that are another's",
            Serves::Nothing => "its host names answer 503",
        }
    }
}

/// A host name on its way from one distribution to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pending {
    /// The host name.
    pub name: String,
    /// The distribution that is to have it.
    pub claimant: String,
    /// The distribution that has it until its own file is right.
    pub holder: String,
}
