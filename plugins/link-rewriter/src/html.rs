//! Where in HTML a byte stands: as much of the standard's tokenizer (HTML, section 13.2.5) as finding attributes takes.
//!
//! Every byte goes on at once as it came, but for the beginning of a link, which [`Links`] holds. Comments, scripts, styles
//! and other raw text are passed over. There is no tree and no error: what a browser would read otherwise is left alone.

use std::rc::Rc;

use crate::links::Links;
use crate::rules::{Holds, Rules};

/// Names of tags and attributes that are longer are none that matter.
pub(crate) const MAX_NAME: usize = 64;

/// Elements whose content is text up to their own end tag.
const RAW: [&[u8]; 9] = [
    b"script",
    b"style",
    b"textarea",
    b"title",
    b"xmp",
    b"iframe",
    b"noembed",
    b"noframes",
    b"plaintext",
];

enum State {
    Text,
    /// Behind `<`.
    Open,
    /// Behind `</`.
    OpenEnd,
    /// Behind `<!`, with so many `-` of a comment's two.
    Markup {
        dashes: u8,
    },
    /// `dashes`: how many the last bytes were, the two of the beginning among them; `bang`: and a `!` behind two.
    Comment {
        dashes: u8,
        bang: bool,
    },
    /// Up to the next `>`: a doctype and what is none of HTML's.
    Bogus,
    TagName,
    BeforeAttribute,
    AttributeName,
    AfterName,
    BeforeValue,
    /// `quote`: what ends it; without one, a space or `>` does.
    Value {
        quote: Option<u8>,
        holds: Option<Holds>,
    },
    /// In the text of `Html::raw`, with so many bytes of its end tag.
    Raw {
        matched: usize,
    },
}

/// A page, as far as it has come.
pub(crate) struct Html {
    rules: Rc<Rules>,
    state: State,
    /// The name of the tag that is open, in lower case.
    tag: Vec<u8>,
    /// True for an end tag.
    end_tag: bool,
    /// The name of the attribute, in lower case.
    attribute: Vec<u8>,
    /// The end tag of raw text, without its `>`.
    raw: Vec<u8>,
    links: Links,
}

impl Html {
    pub(crate) fn new(rules: Rc<Rules>) -> Html {
        Html {
            links: Links::new(rules.clone()),
            rules,
            state: State::Text,
            tag: Vec::new(),
            end_tag: false,
            attribute: Vec::new(),
            raw: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        let mut rest = piece;
        while let [byte, after @ ..] = rest {
            if let Some(until) = self.nothing_before(rest) {
                let (passed, from) = rest.split_at(until);
                out.extend_from_slice(passed);
                rest = from;
                continue;
            }
            self.byte(*byte, out);
            rest = after;
        }
    }

    pub(crate) fn finish(&mut self, out: &mut Vec<u8>) {
        self.links.give_up(out);
    }

    /// How many of the next bytes change nothing, where those are many.
    fn nothing_before(&self, rest: &[u8]) -> Option<usize> {
        let ends = match self.state {
            State::Text => b'<',
            State::Bogus => b'>',
            State::Raw { matched: 0 } => b'<',
            State::Value {
                quote: Some(quote),
                holds: None,
            } => quote,
            _ => return None,
        };
        let until = rest
            .iter()
            .position(|byte| *byte == ends)
            .unwrap_or(rest.len());
        (until > 0).then_some(until)
    }

    fn byte(&mut self, byte: u8, out: &mut Vec<u8>) {
        if let State::Value { quote, holds } = self.state {
            return self.value(byte, quote, holds, out);
        }
        out.push(byte);
        self.state = match self.state {
            State::Text if byte == b'<' => State::Open,
            State::Text => State::Text,
            State::Open => self.open(byte),
            State::OpenEnd => self.open_end(byte),
            State::Markup { dashes: 1 } if byte == b'-' => State::Comment {
                dashes: 2,
                bang: false,
            },
            State::Markup { dashes: 0 } if byte == b'-' => State::Markup { dashes: 1 },
            State::Markup { .. } | State::Bogus if byte == b'>' => State::Text,
            State::Markup { .. } | State::Bogus => State::Bogus,
            State::Comment { dashes, bang } => comment(byte, dashes, bang),
            State::TagName => self.tag_name(byte),
            State::BeforeAttribute => self.before_attribute(byte),
            State::AttributeName => self.attribute_name(byte),
            State::AfterName => match byte {
                b'=' => State::BeforeValue,
                _ if byte.is_ascii_whitespace() => State::AfterName,
                _ => self.before_attribute(byte),
            },
            State::BeforeValue => return self.before_value(byte, out),
            State::Raw { matched } => self.raw_text(byte, matched),
            State::Value { .. } => return,
        };
    }

    fn open(&mut self, byte: u8) -> State {
        match byte {
            b'!' => State::Markup { dashes: 0 },
            b'/' => State::OpenEnd,
            b'?' => State::Bogus,
            b'<' => State::Open,
            _ if byte.is_ascii_alphabetic() => self.begin_tag(byte, false),
            _ => State::Text,
        }
    }

    fn open_end(&mut self, byte: u8) -> State {
        match byte {
            b'>' => State::Text,
            _ if byte.is_ascii_alphabetic() => self.begin_tag(byte, true),
            _ => State::Bogus,
        }
    }

    fn begin_tag(&mut self, byte: u8, end_tag: bool) -> State {
        self.end_tag = end_tag;
        self.tag.clear();
        self.tag.push(byte.to_ascii_lowercase());
        State::TagName
    }

    fn tag_name(&mut self, byte: u8) -> State {
        match byte {
            b'>' => self.end_of_tag(),
            _ if byte == b'/' || byte.is_ascii_whitespace() => State::BeforeAttribute,
            _ => {
                grow(&mut self.tag, byte);
                State::TagName
            }
        }
    }

    fn before_attribute(&mut self, byte: u8) -> State {
        match byte {
            b'>' => self.end_of_tag(),
            _ if byte == b'/' || byte.is_ascii_whitespace() => State::BeforeAttribute,
            // A `=` here is the first letter of a name.
            _ => {
                self.attribute.clear();
                self.attribute.push(byte.to_ascii_lowercase());
                State::AttributeName
            }
        }
    }

    fn attribute_name(&mut self, byte: u8) -> State {
        match byte {
            b'>' => self.end_of_tag(),
            b'=' => State::BeforeValue,
            b'/' => State::BeforeAttribute,
            _ if byte.is_ascii_whitespace() => State::AfterName,
            _ => {
                grow(&mut self.attribute, byte);
                State::AttributeName
            }
        }
    }

    /// Behind the `=`. The byte was written already, so one that begins an unquoted value is taken back.
    fn before_value(&mut self, byte: u8, out: &mut Vec<u8>) {
        if byte.is_ascii_whitespace() {
            return;
        }
        if byte == b'>' {
            self.state = self.end_of_tag();
            return;
        }
        let quote = matches!(byte, b'"' | b'\'').then_some(byte);
        let holds = self.rules.holds(&self.attribute).filter(|_| !self.end_tag);
        if let Some(holds) = holds {
            self.links.begin(holds == Holds::Links);
        }
        self.state = State::Value { quote, holds };
        if quote.is_none() {
            out.pop();
            self.value(byte, None, holds, out);
        }
    }

    fn value(&mut self, byte: u8, quote: Option<u8>, holds: Option<Holds>, out: &mut Vec<u8>) {
        let ends = match quote {
            Some(quote) => byte == quote,
            None => byte == b'>' || byte.is_ascii_whitespace(),
        };
        if !ends {
            return match holds {
                Some(_) => self.links.push(byte, out),
                None => out.push(byte),
            };
        }
        if holds.is_some() {
            self.links.end(out);
        }
        out.push(byte);
        self.state = if byte == b'>' && quote.is_none() {
            self.end_of_tag()
        } else {
            State::BeforeAttribute
        };
    }

    fn end_of_tag(&mut self) -> State {
        if self.end_tag || !RAW.contains(&self.tag.as_slice()) {
            return State::Text;
        }
        self.raw.clear();
        self.raw.extend_from_slice(b"</");
        self.raw.extend_from_slice(&self.tag);
        State::Raw { matched: 0 }
    }

    fn raw_text(&mut self, byte: u8, matched: usize) -> State {
        // Nothing ends `plaintext`.
        if matched == self.raw.len() && self.tag != b"plaintext" {
            if byte == b'>' {
                return State::Text;
            }
            if byte == b'/' || byte.is_ascii_whitespace() {
                self.end_tag = true;
                return State::BeforeAttribute;
            }
        }
        let goes_on = self.raw.get(matched) == Some(&byte.to_ascii_lowercase());
        State::Raw {
            matched: if goes_on {
                matched + 1
            } else {
                usize::from(byte == b'<')
            },
        }
    }
}

fn comment(byte: u8, dashes: u8, bang: bool) -> State {
    match byte {
        b'>' if dashes >= 2 || bang => State::Text,
        b'-' if !bang => State::Comment {
            dashes: dashes.saturating_add(1),
            bang: false,
        },
        b'-' => State::Comment {
            dashes: 1,
            bang: false,
        },
        b'!' if dashes >= 2 => State::Comment {
            dashes: 0,
            bang: true,
        },
        _ => State::Comment {
            dashes: 0,
            bang: false,
        },
    }
}

/// One more byte of a name; a name that is too long stays one byte too long.
fn grow(name: &mut Vec<u8>, byte: u8) {
    if name.len() <= MAX_NAME {
        name.push(byte.to_ascii_lowercase());
    }
}
