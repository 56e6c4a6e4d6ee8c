//! Full load on an edge by many viewers at once, where every body is known: from an object's name, its variant and
//! its version follows each byte, so that a wrong, short, mixed or outdated response is noticed wherever it occurs.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::answer::Answer;
use crate::edge::ALIAS;
use crate::gate::PATIENCE;
use crate::origin::{Origin, Seen};
use crate::wire::{Framing, Wire};

/// Objects that are invalidated together, by one path.
const GROUPS: u64 = 8;
/// No object is longer.
const MAX_LENGTH: u64 = 4 << 20;
/// The languages of the objects that have variants.
const LANGUAGES: [&str; 3] = ["de", "en", "fr"];

/// Pseudo-random numbers that a seed determines (SplitMix64).
#[derive(Clone, Copy, Debug)]
pub struct Chance(pub u64);

impl Chance {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// The next number, below this one.
    pub fn below(&mut self, end: u64) -> u64 {
        self.number() % end.max(1)
    }
}

/// The objects that an origin has, and what viewers may see of them.
#[derive(Clone)]
pub struct Corpus(Arc<Inner>);

struct Inner {
    objects: u64,
    noise: Vec<u8>,
    /// The version of each group that the origin answers with.
    versions: Vec<AtomicU64>,
    /// The oldest version of each group that a request which begins now may get.
    floors: Vec<AtomicU64>,
    /// Set before the edge is killed: connections may break from then on.
    may_break: AtomicBool,
    wrong: Mutex<Vec<String>>,
    answers: AtomicU64,
    hits: AtomicU64,
    /// When each version of a response was first seen whole.
    seen: Mutex<HashMap<(Wanted, u64), Instant>>,
}

/// One response that is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Wanted {
    object: u64,
    language: &'static str,
}

impl Wanted {
    fn group(&self) -> usize {
        (self.object % GROUPS) as usize
    }

    fn has_variants(&self) -> bool {
        self.object.is_multiple_of(5)
    }

    fn path(&self) -> String {
        format!("/group{}/{}", self.group(), self.object)
    }

    fn of(seen: &Seen) -> Option<Wanted> {
        let object = seen.path().rsplit('/').next()?.parse().ok()?;
        let asked = seen.field("accept-language").unwrap_or_default();
        let language = LANGUAGES.into_iter().find(|language| *language == asked);
        Some(Wanted {
            object,
            language: language.unwrap_or_default(),
        })
    }

    /// From one byte to some MiB.
    fn length(&self) -> u64 {
        let mut chance = Chance(self.object);
        match self.object % 64 {
            0 => (1 << 20) + chance.below(MAX_LENGTH - (1 << 20)),
            1 => 1 << 20,
            2 => 1,
            3 => 64 << 10,
            n if n % 8 == 4 => chance.below(300_000),
            _ => 1 + chance.below(20_000),
        }
    }
}

impl Corpus {
    /// Puts this many objects at an origin, which answers all its paths with them from now on.
    pub fn at(origin: &Origin, objects: u64) -> Corpus {
        let mut chance = Chance(1);
        let noise = (0..MAX_LENGTH / 4).flat_map(|_| chance.number().to_le_bytes());
        let counters = || (0..GROUPS).map(|_| AtomicU64::new(1)).collect();
        let corpus = Corpus(Arc::new(Inner {
            objects,
            noise: noise.collect(),
            versions: counters(),
            floors: counters(),
            may_break: AtomicBool::new(false),
            wrong: Mutex::default(),
            answers: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            seen: Mutex::default(),
        }));
        let answering = corpus.clone();
        origin
            .on("*")
            .computes(move |seen| answering.answer(seen).unwrap_or(Answer::status(404)));
        corpus
    }

    fn answer(&self, seen: &Seen) -> Option<Answer> {
        let wanted = Wanted::of(seen)?;
        let version = self.0.versions[wanted.group()].load(Ordering::SeqCst);
        let answer = Answer::ok(self.body(&wanted, version))
            .cache_control("max-age=1000000")
            .field("X-Version", version.to_string());
        Some(match wanted.has_variants() {
            true => answer.field("Vary", "Accept-Language"),
            false => answer,
        })
    }

    fn body(&self, wanted: &Wanted, version: u64) -> &[u8] {
        let variant = match wanted.has_variants() {
            true => wanted.language.bytes().map(u64::from).sum(),
            false => 0,
        };
        let mut place = Chance(wanted.object << 32 | version << 16 | variant);
        let from = place.below(MAX_LENGTH) as usize;
        &self.0.noise[from..from + wanted.length() as usize]
    }

    /// Changes all objects of a group at the origin, and has the edge told so by `invalidate`, which gets the path
    /// and says whether the edge acknowledged. If it did, nobody may see the old ones any more.
    pub fn change(&self, group: u64, invalidate: impl FnOnce(&str) -> bool) {
        let group = (group % GROUPS) as usize;
        let version = self.0.versions[group].fetch_add(1, Ordering::SeqCst) + 1;
        if invalidate(&format!("/group{group}/*")) {
            self.0.floors[group].fetch_max(version, Ordering::SeqCst);
        }
    }

    /// Asks an edge for objects, by so many viewers at once, while `meanwhile` runs; it says by its end that
    /// connections may break from then on. Returns when all viewers are done.
    pub fn load<T>(
        &self,
        edge: SocketAddr,
        viewers: u64,
        seed: u64,
        meanwhile: impl FnOnce() -> T,
    ) -> T {
        self.0.may_break.store(false, Ordering::SeqCst);
        std::thread::scope(|scope| {
            for viewer in 0..viewers {
                scope.spawn(move || self.ask_until_broken(edge, Chance(seed ^ (viewer << 48))));
            }
            meanwhile()
        })
    }

    /// From now on, connections may break.
    pub fn may_break(&self) {
        self.0.may_break.store(true, Ordering::SeqCst);
    }

    fn ask_until_broken(&self, edge: SocketAddr, mut chance: Chance) {
        let broken = |error: &dyn std::fmt::Display| {
            if !self.0.may_break.load(Ordering::SeqCst) {
                self.note(format!("the connection broke: {error}"));
            }
        };
        let mut wire = match connect(edge) {
            Ok(wire) => wire,
            Err(error) => return broken(&error),
        };
        while !self.0.may_break.load(Ordering::SeqCst) {
            // Small numbers are asked for more often.
            let part = chance.below(1 << 16) * chance.below(1 << 16);
            let wanted = Wanted {
                object: (part * self.0.objects) >> 32,
                language: LANGUAGES[chance.below(3) as usize],
            };
            if let Err(error) = self.ask(&mut wire, &wanted) {
                return broken(&error);
            }
        }
    }

    /// Asks for one object, checks the answer and says whether it was a hit; an error is one of the connection.
    fn ask(&self, wire: &mut Wire, wanted: &Wanted) -> io::Result<bool> {
        let floor = self.0.floors[wanted.group()].load(Ordering::SeqCst);
        let (path, language) = (wanted.path(), wanted.language);
        let ask =
            format!("GET {path} HTTP/1.1\r\nHost: {ALIAS}\r\nAccept-Language: {language}\r\n\r\n");
        wire.write(ask.as_bytes())?;
        let head = wire.head()?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let mut body = Vec::new();
        let framing = Framing::of_response("GET", &head);
        let ended = wire.body(framing, &mut |piece| body.extend_from_slice(piece))?;
        if !ended.complete || framing == Framing::UntilClose {
            return Err(io::Error::other(format!(
                "{path} broke off after {} bytes",
                body.len()
            )));
        }
        let version = head.fields.get("x-version").unwrap_or_default();
        let is_hit = head
            .fields
            .get("cache-status")
            .is_some_and(|status| status.contains("hit"));
        self.0.answers.fetch_add(1, Ordering::Relaxed);
        self.0.hits.fetch_add(is_hit.into(), Ordering::Relaxed);
        match version.parse::<u64>() {
            Ok(version) if head.status() == 200 => {
                self.see(wanted, version);
                if body != self.body(wanted, version) {
                    let lengths = format!("{} bytes of {}", body.len(), wanted.length());
                    self.note(format!(
                        "wrong body of version {version}, {lengths}: {path} {language}\n{head:?}"
                    ));
                }
                if version < floor {
                    self.note(format!("version {version} of {path} {language}, and everything before {floor} was invalidated\n{head:?}"));
                }
            }
            _ => self.note(format!("{path} {language}\n{head:?}")),
        }
        Ok(is_hit)
    }

    fn see(&self, wanted: &Wanted, version: u64) {
        let language = if wanted.has_variants() {
            wanted.language
        } else {
            ""
        };
        let response = Wanted {
            language,
            ..*wanted
        };
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.entry((response, version)).or_insert_with(Instant::now);
    }

    /// How many responses were seen that are what the origin has now.
    pub fn current(&self) -> usize {
        let seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = |(wanted, version): &&(Wanted, u64)| {
            *version == self.0.versions[wanted.group()].load(Ordering::SeqCst)
        };
        seen.keys().filter(is_current).count()
    }

    /// Objects first seen since this instant need not be found again.
    pub fn forgive_since(&self, instant: Instant) {
        let mut seen = self.0.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, at| *at < instant);
    }

    /// Asks an edge for all that was seen before this instant and is what the origin has now. Returns how many these were,
    /// and which of them were no hits. Nothing may have been invalidated while there was load.
    ///
    /// # Panics
    /// When the edge can't be asked.
    pub fn forgotten(&self, edge: SocketAddr, before: Instant) -> (usize, Vec<String>) {
        let seen = self
            .0
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let is_current = |wanted: &Wanted, version: u64| {
            version == self.0.versions[wanted.group()].load(Ordering::SeqCst)
        };
        let due: Vec<_> = seen
            .into_iter()
            .filter(|((wanted, version), at)| *at < before && is_current(wanted, *version))
            .map(|((wanted, _), _)| wanted)
            .collect();
        let mut wire = connect(edge).expect("the edge listens");
        let mut hits = |wanted: &Wanted| self.ask(&mut wire, wanted).expect("the edge answers");
        let missed = due.iter().filter(|wanted| !hits(wanted));
        let missed = missed.map(|wanted| format!("{} {}", wanted.path(), wanted.language));
        (due.len(), missed.collect())
    }

    fn note(&self, wrong: String) {
        self.0
            .wrong
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(wrong);
    }

    /// Claims that every response so far was right.
    #[track_caller]
    pub fn assert_right(&self) {
        let wrong = self.0.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            wrong.is_empty(),
            "{} wrong responses: {}",
            wrong.len(),
            wrong[..wrong.len().min(5)].join("\n")
        );
    }

    /// The responses so far, and how many of them were hits.
    pub fn answers(&self) -> (u64, u64) {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (count(&self.0.answers), count(&self.0.hits))
    }
}

fn connect(edge: SocketAddr) -> io::Result<Wire> {
    let stream = TcpStream::connect_timeout(&edge, Duration::from_secs(5))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(Wire::new(stream))
}
