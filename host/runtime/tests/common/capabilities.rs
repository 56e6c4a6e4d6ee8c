//! Capabilities for tests: answers that are told by the names that are asked for, and a record of what was asked.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use parking_lot::Mutex;
use selvedge_runtime::capabilities::{
    Answer, Cache, Fetch, FetchError, Kv, Metrics, Secrets, Waiting,
};
use selvedge_runtime::{Capabilities, Isolation, Limits, Plugin, PluginSpec, RequestFacts};

use super::{guest, load, spec};

/// The plugin with the four hooks that edit and answer, and everything given to it.
pub fn everything() -> PluginSpec {
    PluginSpec {
        file: guest("edits"),
        capabilities: Recorded::default().capabilities(""),
        ..spec()
    }
}

pub fn editor() -> Arc<Plugin> {
    static LOADED: std::sync::OnceLock<Arc<Plugin>> = std::sync::OnceLock::new();
    LOADED.get_or_init(|| load(&everything())).clone()
}

pub fn editor_with(limits: Limits, isolation: Isolation) -> Arc<Plugin> {
    load(&PluginSpec {
        limits,
        isolation,
        ..everything()
    })
}

/// The plugin, and the record of what it asks for.
pub fn recording() -> (Arc<Plugin>, Recorded) {
    let recorded = Recorded::default();
    let plugin = load(&PluginSpec {
        capabilities: recorded.capabilities(""),
        ..everything()
    });
    (plugin, recorded)
}

/// The counts, observations and fetches, as text.
#[derive(Clone, Default)]
pub struct Recorded(Arc<Mutex<Vec<String>>>);

impl Recorded {
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock())
    }

    /// Capabilities that record here. The owner's name stands in what they answer.
    pub fn capabilities(&self, owner: &str) -> Capabilities {
        let given = Arc::new(Given {
            owner: if owner.is_empty() {
                String::new()
            } else {
                format!("{owner}'s ")
            },
            recorded: self.clone(),
            stored: Mutex::default(),
        });
        Capabilities {
            kv: Some(given.clone()),
            fetch: Some(given.clone()),
            cache: Some(given.clone()),
            metrics: Some(given.clone()),
            secrets: Some(given),
        }
    }
}

pub type MakeSecret = fn() -> String;

/// The secrets that are given, and how each is made: a word, one of several lines, and a long one.
pub const SECRETS: [(&str, MakeSecret); 3] = [
    ("key", || "hunter2".into()),
    ("pem", || {
        "-----BEGIN KEY-----\nMIIEvQIBADANBgkq\nhkiG9w0BAQEFAASC\n-----END KEY-----".into()
    }),
    ("long", || {
        (0..160_u32).fold(String::new(), |text, n| {
            format!("{text}{:08x}-{n:04}", n.wrapping_mul(2_654_435_761))
        })
    }),
];

struct Given {
    owner: String,
    recorded: Recorded,
    stored: Mutex<Option<Bytes>>,
}

impl Kv for Given {
    fn get(&self, key: &str) -> Answer<Result<Option<Bytes>, String>> {
        match key {
            "a" => Answer::Now(Ok(Some(format!("{}value of a", self.owner).into()))),
            "later" => Answer::Later(Box::pin(async {
                tokio::time::sleep(Duration::from_millis(5)).await;
                Ok(Some(Bytes::from_static(b"late")))
            })),
            "never" => Answer::Later(Box::pin(std::future::pending())),
            "broken" => Answer::Now(Err("the store is broken".into())),
            _ => Answer::Now(Ok(None)),
        }
    }
}

impl Fetch for Given {
    fn start(
        &self,
        facts: Option<&Arc<RequestFacts>>,
        backend: &str,
        request: http::Request<Bytes>,
    ) -> Result<Waiting<Result<http::Response<Bytes>, FetchError>>, FetchError> {
        let id = facts.map_or_else(|| "nobody".to_owned(), |facts| facts.request_id.to_string());
        let body = String::from_utf8_lossy(request.body());
        let (method, uri) = (request.method(), request.uri());
        self.recorded.0.lock().push(format!(
            "fetch {backend} {method} {uri} {:?} {body} for {id}",
            request.headers()
        ));
        let answer = http::Response::builder()
            .header("x-path", format!("{method} {uri}"))
            .header("x-request", id)
            .body(Bytes::from(format!("answer of {backend}")))
            .expect("a response");
        Ok(match backend {
            "unknown" => return Err(FetchError::UnknownBackend),
            "denied" => Box::pin(async { Err(FetchError::Denied) }),
            "late" => Box::pin(async { Err(FetchError::TimedOut) }),
            "large" => Box::pin(async { Err(FetchError::TooLarge) }),
            "down" => Box::pin(async { Err(FetchError::Failed("no connection".into())) }),
            "never" => Box::pin(std::future::pending()),
            "slow" => Box::pin(async {
                tokio::time::sleep(Duration::from_millis(300)).await;
                Ok(answer)
            }),
            _ => Box::pin(async { Ok(answer) }),
        })
    }
}

impl Cache for Given {
    fn get(&self, _: &[u8]) -> Answer<Result<Option<Bytes>, String>> {
        Answer::Now(Ok(self.stored.lock().clone()))
    }

    fn put(&self, _: Vec<u8>, value: Bytes, _: u64, _: Vec<String>) -> Answer<Result<(), String>> {
        *self.stored.lock() = Some(value);
        Answer::Now(Ok(()))
    }

    fn put_if(
        &self,
        _: Vec<u8>,
        expected: Option<Bytes>,
        value: Bytes,
        _: u64,
        _: Vec<String>,
    ) -> Answer<Result<bool, String>> {
        let mut stored = self.stored.lock();
        let put = *stored == expected;
        if put {
            *stored = Some(value);
        }
        Answer::Now(Ok(put))
    }

    fn invalidate(&self, _: &str) -> Answer<Result<(), String>> {
        *self.stored.lock() = None;
        Answer::Now(Ok(()))
    }
}

impl Metrics for Given {
    fn count(&self, name: &str, by: u64) -> Result<(), String> {
        self.recorded.0.lock().push(format!("count {name} {by}"));
        Ok(())
    }

    fn observe(&self, name: &str, value: f64) -> Result<(), String> {
        self.recorded
            .0
            .lock()
            .push(format!("observe {name} {value}"));
        Ok(())
    }
}

impl Secrets for Given {
    fn get(&self, name: &str) -> Option<Bytes> {
        let mut secrets = SECRETS.iter();
        let secret = secrets.find(|(secret, _)| *secret == name);
        secret.map(|(_, value)| Bytes::from(value()))
    }

    fn all(&self) -> Vec<Bytes> {
        SECRETS.iter().map(|(_, value)| value().into()).collect()
    }
}
