//! The links of one attribute's value, byte by byte: `http://`, `https://` or `//`, and a host that the rules name, get
//! another beginning; all else stays as it is.

use std::rc::Rc;

use crate::rules::{MAX_HOST, Rules};

/// The beginnings of absolute links.
const STARTS: [&[u8]; 3] = [b"//", b"http://", b"https://"];
/// The longest beginning of a link that can be one of the rules'.
const MAX_PENDING: usize = b"https://".len() + MAX_HOST;

/// Where in a value the next byte stands.
enum State {
    /// In front of a link.
    Space,
    /// In the scheme and host of a link, which are held.
    Beginning,
    /// Behind the host of a link that became one to the page's own host; its `/` is held.
    Slash,
    /// In the rest of a link. `comma`: its last byte was one.
    Rest { comma: bool },
    /// Behind a link of a list, before the comma.
    Descriptor { inside: bool },
}

/// Follows a value. What it holds is bounded.
pub(crate) struct Links {
    rules: Rc<Rules>,
    state: State,
    list: bool,
    held: Vec<u8>,
}

/// Returns true if the pending bytes begin like an absolute link.
enum Start {
    No,
    Perhaps,
    /// It does, and the authority begins here.
    Authority(usize),
}

impl Links {
    pub(crate) fn new(rules: Rc<Rules>) -> Links {
        Links {
            rules,
            state: State::Space,
            list: false,
            held: Vec::new(),
        }
    }

    /// A value begins. `list`: of several links, as in `srcset`.
    pub(crate) fn begin(&mut self, list: bool) {
        self.state = State::Space;
        self.list = list;
        self.held.clear();
    }

    /// Takes the next byte of the value.
    pub(crate) fn push(&mut self, byte: u8, out: &mut Vec<u8>) {
        match self.state {
            State::Space if byte.is_ascii_whitespace() || (self.list && byte == b',') => {
                out.push(byte);
            }
            State::Space => {
                self.state = State::Beginning;
                self.beginning(byte, out);
            }
            State::Beginning => self.beginning(byte, out),
            State::Slash => {
                self.slash(Some(byte), out);
                self.rest(byte, out);
            }
            State::Rest { .. } => self.rest(byte, out),
            State::Descriptor { inside } => {
                out.push(byte);
                self.state = match byte {
                    b',' if !inside => State::Space,
                    b'(' => State::Descriptor { inside: true },
                    b')' => State::Descriptor { inside: false },
                    _ => State::Descriptor { inside },
                };
            }
        }
    }

    /// The value ends: what is held goes out.
    pub(crate) fn end(&mut self, out: &mut Vec<u8>) {
        let slash = match self.state {
            State::Beginning => self.replace(out),
            State::Slash => true,
            _ => false,
        };
        if slash {
            self.slash(None, out);
        }
        self.state = State::Space;
    }

    /// The body ends within the value, so the link may not be complete: what is held goes out as it came.
    pub(crate) fn give_up(&mut self, out: &mut Vec<u8>) {
        match self.state {
            State::Slash => self.slash(None, out),
            _ => out.append(&mut self.held),
        }
        self.state = State::Space;
    }

    fn beginning(&mut self, byte: u8, out: &mut Vec<u8>) {
        let ends = matches!(byte, b'/' | b'?' | b'#')
            || byte.is_ascii_whitespace()
            || (self.list && byte == b',');
        let authority = matches!(start(&self.held), Start::Authority(_));
        if ends && authority {
            if self.replace(out) {
                if byte == b'/' {
                    self.state = State::Slash;
                    return;
                }
                self.slash(Some(byte), out);
            }
            return self.rest(byte, out);
        }
        if ends && byte != b'/' {
            out.append(&mut self.held);
            return self.rest(byte, out);
        }
        self.held.push(byte);
        if matches!(start(&self.held), Start::No) || self.held.len() > MAX_PENDING {
            out.append(&mut self.held);
            self.state = State::Rest { comma: false };
        }
    }

    /// Writes the beginning that a link gets, or the one that it had. Whether it became a link to the page's own host, which
    /// has to begin with a `/` that is not written yet.
    fn replace(&mut self, out: &mut Vec<u8>) -> bool {
        let new = match start(&self.held) {
            Start::Authority(at) => self.rules.beginning(&self.held[at..]),
            _ => None,
        };
        let own = match new {
            Some(new) => {
                out.extend_from_slice(new);
                new.is_empty()
            }
            None => {
                out.extend_from_slice(&self.held);
                false
            }
        };
        self.held.clear();
        self.state = State::Rest { comma: false };
        own
    }

    /// Writes the `/` of a link to the page's own host. A path that begins with two slashes, in whatever spelling, would
    /// lead to another host: `/.` in front of it keeps it a path.
    fn slash(&mut self, next: Option<u8>, out: &mut Vec<u8>) {
        if next.is_some_and(|byte| matches!(byte, b'/' | b'\\' | b'&') || byte < b' ') {
            out.extend_from_slice(b"/.");
        }
        out.push(b'/');
        self.state = State::Rest { comma: false };
    }

    fn rest(&mut self, byte: u8, out: &mut Vec<u8>) {
        out.push(byte);
        let comma = matches!(self.state, State::Rest { comma: true });
        self.state = match byte {
            _ if !self.list => State::Rest { comma: false },
            _ if byte.is_ascii_whitespace() && comma => State::Space,
            _ if byte.is_ascii_whitespace() => State::Descriptor { inside: false },
            _ => State::Rest {
                comma: byte == b',',
            },
        };
    }
}

fn start(held: &[u8]) -> Start {
    for start in STARTS {
        let common = held.len().min(start.len());
        if held[..common].eq_ignore_ascii_case(&start[..common]) {
            return if held.len() >= start.len() {
                Start::Authority(start.len())
            } else {
                Start::Perhaps
            };
        }
    }
    Start::No
}
