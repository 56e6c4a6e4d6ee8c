//! Origins without sockets, for tests: connections to a registered name are pipes within the process.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use tokio::io::DuplexStream;

/// Takes the server's end of each new connection, or refuses the connection.
pub(crate) type Accept = Box<dyn Fn(DuplexStream) -> io::Result<()> + Send + Sync>;

/// Bytes that one side may be ahead of the other.
const PIPE: usize = 64 << 10;

static SERVERS: Mutex<Option<HashMap<String, Accept>>> = Mutex::new(None);

/// Has connections to this name accepted from now on.
pub(crate) fn register(name: &str, accept: Accept) {
    let mut servers = SERVERS.lock();
    servers
        .get_or_insert_default()
        .insert(name.to_owned(), accept);
}

/// Connects to a registered name; `None` for any other.
pub(crate) fn connect(name: &str) -> Option<io::Result<DuplexStream>> {
    let servers = SERVERS.lock();
    let accept = servers.as_ref()?.get(name)?;
    let (ours, theirs) = tokio::io::duplex(PIPE);
    Some(accept(theirs).map(|()| ours))
}
