//! Bodies that this guest makes.

use std::cell::{Cell, RefCell};

use super::exports::selvedge::edge::origin_response;
use super::selvedge::edge::kv;
use super::text;

thread_local! {
    /// Transforms that are alive in this instance.
    static ALIVE: Cell<u32> = const { Cell::new(0) };
}

pub(crate) struct Transform {
    kind: String,
    held: RefCell<Vec<u8>>,
}

impl Transform {
    pub(crate) fn of(kind: &str) -> Transform {
        ALIVE.set(ALIVE.get() + 1);
        Transform {
            kind: kind.into(),
            held: RefCell::default(),
        }
    }
}

impl Drop for Transform {
    fn drop(&mut self) {
        ALIVE.set(ALIVE.get() - 1);
    }
}

impl origin_response::GuestTransform for Transform {
    fn push(&self, piece: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        match self.kind.as_str() {
            "upper" => Ok(vec![piece.to_ascii_uppercase()]),
            "hold" => {
                self.held.borrow_mut().extend(piece);
                Ok(Vec::new())
            }
            "sizes" => Ok(vec![format!("{} ", piece.len()).into_bytes(), Vec::new()]),
            "blow-up" => Ok(vec![vec![0; 1 << 20]; 2]),
            "burst" => Ok(vec![vec![0; 8 << 20]]),
            "error" => Err("cannot read this".into()),
            "panic" => panic!("push went wrong"),
            "loop" => loop {
                std::hint::black_box(0);
            },
            "kv" => Ok(vec![format!("{:?}", kv::get("a")?.map(text)).into_bytes()]),
            _ => Ok(vec![piece]),
        }
    }

    fn finish(&self) -> Result<Vec<Vec<u8>>, String> {
        match self.kind.as_str() {
            "hold" => Ok(vec![self.held.take(), b"!".to_vec()]),
            "alive" => Ok(vec![ALIVE.get().to_string().into_bytes()]),
            _ => Ok(Vec::new()),
        }
    }
}

pub(crate) struct Producer {
    pub(crate) kind: String,
    pub(crate) made: Cell<u32>,
}

impl origin_response::GuestProducer for Producer {
    fn next(&self) -> Result<Option<Vec<u8>>, String> {
        let n = self.made.replace(self.made.get() + 1);
        match self.kind.as_str() {
            "three" => Ok((n < 3).then(|| format!("piece {n};").into_bytes())),
            "endless" => Ok(Some(vec![b'x'; 1000])),
            "huge" => Ok(Some(vec![b'x'; 2 << 20])),
            "fails" if n > 0 => Err("no more".into()),
            _ => Ok(Some(Vec::new())),
        }
    }
}
