//! Connections to mutate, and a small seeded generator to mutate them with: a failure prints its seed.

/// A xorshift generator: good enough to vary inputs, the same everywhere for the same seed.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// A number below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

/// Well-formed requests, which are strung together and then damaged.
const REQUESTS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n",
    "\r\nGET /a?b=c HTTP/1.1\r\nHost: a.test\r\nAccept: */*\r\nX: y\r\n\r\n",
    "HEAD http://a.test:80/x HTTP/1.1\r\nHost: a.test:80\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    "GET /old HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n",
    "POST /n HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
    "POST /z HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n",
    "PUT /c HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "POST /t HTTP/1.1\r\nTransfer-Encoding: chunked\r\nHost: a.test\r\n\r\n3;a=\"b\"\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\nX-Sum: 1\r\n\r\n",
];

/// Pieces of damage: line ends, separators, and the words that framing depends on.
const PIECES: &[&str] = &[
    "\r",
    "\n",
    "\r\n",
    "\r\n\r\n",
    " ",
    "\t",
    ":",
    ",",
    ";",
    "=",
    "\"",
    "0",
    "5",
    "f",
    "x",
    "+",
    "/",
    "?",
    "#",
    "\0",
    "\x0b",
    "\x7f",
    "Content-Length: 5\r\n",
    "Content-Length: 0\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Host: b.test\r\n",
    "chunked",
    "HTTP/1.0",
    "HTTP/1.1",
    "GET /s HTTP/1.1\r\nHost: b\r\n\r\n",
    "0\r\n\r\n",
    "A: b\r\n",
    "Trailer: x",
];

/// Bytes of one connection as a viewer might send them, damaged at a few points or none.
pub(super) fn connection(random: &mut Random) -> Vec<u8> {
    let mut bytes = Vec::new();
    for _ in 0..=random.below(3) {
        bytes.extend_from_slice(random.pick(REQUESTS).as_bytes());
    }
    for _ in 0..random.below(4) {
        let at = random.below(bytes.len());
        let end = match random.below(3) {
            0 => at,
            _ => (at + 1 + random.below(3)).min(bytes.len()),
        };
        let piece: &[u8] = match random.below(4) {
            0 => &[],
            1 => &[random.below(256) as u8],
            _ => random.pick(PIECES).as_bytes(),
        };
        bytes.splice(at..end, piece.iter().copied());
        if bytes.is_empty() {
            bytes.push(b'G');
        }
    }
    bytes
}
