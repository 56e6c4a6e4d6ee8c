//! Device classes, from the words of User-Agent and from the client hint Sec-CH-UA-Mobile.
//!
//! Browsers hide more and more in User-Agent, but these classes still show. Two things can't be seen: an iPad with iPadOS 13 or
//! later calls itself a Mac, and a phone that asks for the desktop site is a desktop.

use std::fmt;

/// A device class. Its word is what stands in the key, and in the field for the origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Device {
    /// Whatever is none of the others, or of a class that is not told apart.
    Desktop,
    Phone,
    Tablet,
    Tv,
    Bot,
}

/// The classes that a configuration may tell apart from `desktop`.
pub(crate) const CLASSES: [Device; 4] = [Device::Phone, Device::Tablet, Device::Tv, Device::Bot];

impl Device {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Device::Desktop => "desktop",
            Device::Phone => "phone",
            Device::Tablet => "tablet",
            Device::Tv => "tv",
            Device::Bot => "bot",
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

const BOTS: [&str; 7] = [
    "bot",
    "crawler",
    "spider",
    "slurp",
    "facebookexternalhit",
    "bingpreview",
    "lighthouse",
];
const TVS: [&str; 11] = [
    "smart-tv",
    "smarttv",
    "appletv",
    "apple tv",
    "googletv",
    "google tv",
    "android tv",
    "hbbtv",
    "web0s",
    "bravia",
    "roku",
];
const TABLETS: [&str; 4] = ["ipad", "tablet", "kindle", "playbook"];
const PHONES: [&str; 6] = [
    "iphone",
    "ipod",
    "mobile",
    "windows phone",
    "opera mini",
    "blackberry",
];

/// The class of a device. `agent` is User-Agent in lower case, `hint` is Sec-CH-UA-Mobile.
///
/// A bot that is not told apart is what it pretends to be, so that it sees what such viewers see. Everything else that is not
/// told apart is a desktop.
pub(crate) fn classify(agent: &str, hint: Option<&[u8]>, told_apart: &[Device]) -> Device {
    if told_apart.contains(&Device::Bot) && is_bot(agent) {
        return Device::Bot;
    }
    let device = what_it_says(agent, hint);
    match told_apart.contains(&device) {
        true => device,
        false => Device::Desktop,
    }
}

fn what_it_says(agent: &str, hint: Option<&[u8]>) -> Device {
    if says(agent, &TVS) {
        return Device::Tv;
    }
    if hint == Some(b"?1") {
        return Device::Phone;
    }
    let android = agent.contains("android");
    if says(agent, &TABLETS) || (android && !agent.contains("mobile")) {
        return Device::Tablet;
    }
    // With `?0` the browser itself says that it is none, whatever its User-Agent looks like.
    if says(agent, &PHONES) && hint != Some(b"?0") {
        return Device::Phone;
    }
    Device::Desktop
}

/// Cubot is a maker of phones.
fn is_bot(agent: &str) -> bool {
    says(agent, &BOTS) && says(&agent.replace("cubot", ""), &BOTS)
}

fn says(agent: &str, words: &[&str]) -> bool {
    words.iter().any(|word| agent.contains(word))
}
