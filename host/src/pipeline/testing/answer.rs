//! Answers of a scripted origin: bytes, waits, and how the connection ends.

use super::Gate;

/// A step of an answer.
#[derive(Clone)]
pub(crate) enum Step {
    Bytes(Vec<u8>),
    Wait(Gate),
    Close,
}

/// An answer of an origin.
#[derive(Clone)]
pub(crate) struct Answer {
    status: u16,
    fields: Vec<(String, String)>,
    framing: Framing,
    before: Option<Gate>,
    body: Vec<Step>,
    raw: Option<Vec<u8>>,
}

#[derive(Clone, Copy, PartialEq)]
enum Framing {
    Length,
    Chunked,
    /// By the end of the connection.
    Close,
    /// None that the harness adds.
    AsGiven,
}

impl Answer {
    pub(crate) fn new(status: u16, body: &str) -> Answer {
        Answer {
            status,
            fields: Vec::new(),
            framing: Framing::Length,
            before: None,
            body: vec![Step::Bytes(body.as_bytes().to_vec())],
            raw: None,
        }
    }

    pub(crate) fn ok(body: &str) -> Answer {
        Answer::new(200, body)
    }

    /// These bytes and nothing else; the connection is closed after them.
    pub(crate) fn raw(bytes: &str) -> Answer {
        Answer {
            raw: Some(bytes.as_bytes().to_vec()),
            ..Answer::new(200, "")
        }
    }

    /// A 304.
    pub(crate) fn not_modified() -> Answer {
        let mut answer = Answer::new(304, "");
        answer.framing = Framing::AsGiven;
        answer
    }

    /// A part of a body, as `bytes=first-last` asks for it.
    pub(crate) fn part(body: &str, first: usize, last: usize) -> Answer {
        Answer::new(206, &body[first..=last]).field(
            "Content-Range",
            &format!("bytes {first}-{last}/{}", body.len()),
        )
    }

    /// One more field line.
    pub(crate) fn field(mut self, name: &str, value: &str) -> Answer {
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `Cache-Control: max-age`, in seconds.
    pub(crate) fn max_age(self, seconds: u64) -> Answer {
        self.field("Cache-Control", &format!("max-age={seconds}"))
    }

    /// Sends the body in chunks.
    pub(crate) fn chunked(mut self) -> Answer {
        self.framing = Framing::Chunked;
        self
    }

    /// Ends the body by closing the connection.
    pub(crate) fn closing(mut self) -> Answer {
        self.framing = Framing::Close;
        self
    }

    /// Adds no field of framing: the fields given say what they say.
    pub(crate) fn framed_as_given(mut self) -> Answer {
        self.framing = Framing::AsGiven;
        self
    }

    /// Waits before the head.
    pub(crate) fn after(mut self, gate: &Gate) -> Answer {
        self.before = Some(gate.clone());
        self
    }

    /// Waits within the body, after what was said of it so far.
    pub(crate) fn wait(mut self, gate: &Gate) -> Answer {
        self.body.push(Step::Wait(gate.clone()));
        self
    }

    /// More of the body.
    pub(crate) fn then(mut self, body: &str) -> Answer {
        self.body.push(Step::Bytes(body.as_bytes().to_vec()));
        self
    }

    /// Breaks the connection off here, within the body.
    pub(crate) fn break_off(mut self) -> Answer {
        self.body.push(Step::Close);
        self
    }

    /// The steps that send it as the answer to a request with this method.
    pub(crate) fn steps(self, is_head: bool) -> Vec<Step> {
        let mut steps: Vec<Step> = self.before.into_iter().map(Step::Wait).collect();
        if let Some(raw) = self.raw {
            steps.extend([Step::Bytes(raw), Step::Close]);
            return steps;
        }
        let length: usize = self
            .body
            .iter()
            .map(|step| match step {
                Step::Bytes(bytes) => bytes.len(),
                Step::Wait(_) => 0,
                // What is missing when the connection breaks.
                Step::Close => 1,
            })
            .sum();
        let mut head = format!("HTTP/1.1 {} Some\r\n", self.status);
        for (name, value) in &self.fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        match self.framing {
            Framing::Length if self.status != 304 && self.status != 204 => {
                head.push_str(&format!("Content-Length: {length}\r\n"));
            }
            Framing::Chunked => head.push_str("Transfer-Encoding: chunked\r\n"),
            Framing::Close => head.push_str("Connection: close\r\n"),
            Framing::Length | Framing::AsGiven => {}
        }
        head.push_str("\r\n");
        steps.push(Step::Bytes(head.into_bytes()));
        if is_head {
            return steps;
        }
        for step in self.body {
            steps.push(match step {
                Step::Bytes(bytes) if self.framing == Framing::Chunked => {
                    Step::Bytes(chunk(&bytes))
                }
                step => step,
            });
        }
        match self.framing {
            Framing::Chunked => steps.push(Step::Bytes(b"0\r\n\r\n".to_vec())),
            Framing::Close => steps.push(Step::Close),
            Framing::Length | Framing::AsGiven => {}
        }
        steps
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    if bytes.is_empty() {
        return Vec::new();
    }
    let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
    chunk.extend_from_slice(bytes);
    chunk.extend_from_slice(b"\r\n");
    chunk
}
