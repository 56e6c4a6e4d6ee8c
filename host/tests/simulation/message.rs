//! HTTP/1.1 as far as the simulation's two ends speak it.

use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The fields of a message, names in lower case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let mut all = self.0.iter();
        all.find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

/// The first line of a head, and its fields; `None` where the connection ends before.
pub(crate) async fn read_head(
    stream: &mut (impl AsyncBufRead + Unpin),
) -> Option<(String, Fields)> {
    let first = read_line(stream).await?;
    let mut fields = Fields::default();
    loop {
        let line = read_line(stream).await?;
        if line.is_empty() {
            return Some((first, fields));
        }
        let (name, value) = line.split_once(':')?;
        fields
            .0
            .push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// A line without its end.
pub(crate) async fn read_line(stream: &mut (impl AsyncBufRead + Unpin)) -> Option<String> {
    let mut line = String::new();
    stream.read_line(&mut line).await.ok()?;
    Some(line.strip_suffix("\r\n")?.to_owned())
}
