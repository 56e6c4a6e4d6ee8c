//! The glue of `origin-response`, whose decision carries resources: from the SDK's traits to the contract's.

use core::cell::RefCell;

use crate::bindings::origin_response::exports::selvedge::edge::origin_response as wit;
use crate::{OriginResponseDecision, Producer, Transform};

/// The decision as the contract wants it.
pub fn answer(decision: crate::Result<OriginResponseDecision>) -> Result<wit::Decision, String> {
    use OriginResponseDecision as Decision;
    Ok(match decision.map_err(|error| error.to_string())? {
        Decision::Next => wit::Decision::Next,
        Decision::Edit(edits) => wit::Decision::Edit(edits),
        Decision::Respond(response) => wit::Decision::Respond(response),
        Decision::Transform(edits, transform) => wit::Decision::Transform(wit::Transformed {
            edits,
            body: wit::Transform::new(ExportedTransform(RefCell::new(transform))),
        }),
        Decision::Produce(edits, producer) => wit::Decision::Produce(wit::Produced {
            edits,
            body: wit::Producer::new(ExportedProducer(RefCell::new(producer))),
        }),
        Decision::Ask(origin) => wit::Decision::Ask(origin),
    })
}

/// A transform as a resource of the contract.
pub struct ExportedTransform(RefCell<Box<dyn Transform>>);

/// A producer as a resource of the contract.
pub struct ExportedProducer(RefCell<Box<dyn Producer>>);

impl wit::GuestTransform for ExportedTransform {
    fn push(&self, piece: Vec<u8>) -> Result<Vec<Vec<u8>>, String> {
        let mut out = Vec::new();
        let pushed = self.0.borrow_mut().push(&piece, &mut out);
        pushed
            .map_err(|error| error.to_string())
            .map(|()| vec![out])
    }

    fn finish(&self) -> Result<Vec<Vec<u8>>, String> {
        let mut out = Vec::new();
        let finished = self.0.borrow_mut().finish(&mut out);
        finished
            .map_err(|error| error.to_string())
            .map(|()| vec![out])
    }
}

impl wit::GuestProducer for ExportedProducer {
    fn next(&self) -> Result<Option<Vec<u8>>, String> {
        self.0
            .borrow_mut()
            .next()
            .map_err(|error| error.to_string())
    }
}
