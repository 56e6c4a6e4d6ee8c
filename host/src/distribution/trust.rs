//! The authorities that sign servers' certificates: the web's, or those of a `ca_file`.

use super::work::Work;
use crate::config::{Placed, Problem};
use crate::files::Digest;
use crate::origin::Tls;
use std::path::PathBuf;
use std::sync::Arc;

/// The largest `ca_file`, in bytes. All authorities of the web together have a fifth of it.
pub(super) const MAX_CA_FILE: u64 = 1 << 20;

/// Authorities of a `ca_file`, with the digest of the file; the web's if there is none. `None` if it can't be used:
/// that is among the problems.
pub(super) fn trusting(
    work: &mut Work<'_>,
    ca_file: Option<&Placed<PathBuf>>,
) -> Option<(Arc<Tls>, Option<Digest>)> {
    let Some(file) = ca_file else {
        return Some((work.web.clone(), None));
    };
    let read = work.ledger.read(file, MAX_CA_FILE);
    let read = read
        .map_err(|error| format!("it can't be read: {error}"))
        .and_then(|(pem, digest)| Ok((Arc::new(Tls::from_pem(&pem)?), Some(digest))));
    read.map_err(|why| {
        let message = format!("{} gives no certificates: {why}", file.display());
        work.problems.push(Problem::new(message).at(file.at).help(
            "`ca_file` names a PEM file with the certificates of the authority that signed the server's",
        ));
    })
    .ok()
}
