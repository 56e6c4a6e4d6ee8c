//! Which other sites may read responses: the CORS protocol of the Fetch standard, section 3.3.
//!
//! Where sites are listed, the answer depends on `Origin`, and every response says so by Vary, with or without an
//! `Origin`: a cache on the way must not give one site's answer to another. What the origin itself says about CORS is
//! taken out.

use selvedge_sdk::prelude::*;

use crate::names::is_token;
use crate::settings::CorsSettings;

const ALLOW_ORIGIN: &str = "access-control-allow-origin";
const ALLOW_CREDENTIALS: &str = "access-control-allow-credentials";
const EXPOSE: &str = "access-control-expose-headers";
/// Browsers keep a preflight's answer no longer.
const MAX_AGE: u32 = 86_400;

pub(crate) struct Cors {
    sites: Sites,
    methods: String,
    headers: String,
    expose: String,
    credentials: bool,
    max_age: u32,
}

/// The sites that may read.
enum Sites {
    /// Everybody, without credentials.
    All,
    These(Vec<Site>),
}

/// An origin: all of it, or what stands before and behind the first labels of its host.
enum Site {
    Exactly(String),
    Below { scheme: String, domain: String },
}

impl Cors {
    pub(crate) fn new(settings: CorsSettings) -> Result<Cors> {
        let sites = sites(&settings.origins)?;
        let star = |list: &[String]| list.iter().any(|item| item == "*");
        let stars = [&settings.methods, &settings.headers, &settings.expose];
        if settings.credentials {
            if matches!(sites, Sites::All) {
                return Err("`cors`: `credentials` for every site would let any page act as its reader; list `origins`".into());
            }
            if stars.iter().any(|list| star(list)) {
                return Err("`cors`: with `credentials` browsers read `*` as a name; list `methods`, `headers` and `expose`".into());
            }
        }
        if settings.max_age_seconds > MAX_AGE {
            return Err(format!("`cors.max_age_seconds` is at most {MAX_AGE}").into());
        }
        if let Some(bad) = stars.into_iter().flatten().find(|item| !is_token(item)) {
            return Err(format!("`cors`: {bad:?} is no name").into());
        }
        Ok(Cors {
            sites,
            methods: settings.methods.join(", "),
            headers: settings.headers.join(", "),
            expose: settings.expose.join(", "),
            credentials: settings.credentials,
            max_age: settings.max_age_seconds,
        })
    }

    /// The answer to a preflight; `None` for every other request.
    pub(crate) fn preflight(&self, request: &Request) -> Option<SyntheticResponse> {
        if request.method() != "OPTIONS" {
            return None;
        }
        let origin = request.field_text("Origin")?;
        request.field("Access-Control-Request-Method")?;
        let Some(allowed) = self.allowed(&origin) else {
            let refusal = SyntheticResponse::new(403).field("Vary", "Origin");
            return Some(refusal.text("this site may not ask from browsers\n"));
        };
        let mut answer = SyntheticResponse::new(204)
            .field(ALLOW_ORIGIN, allowed)
            .field("access-control-allow-methods", &self.methods)
            .field("access-control-max-age", self.max_age.to_string());
        if !self.headers.is_empty() {
            answer = answer.field("access-control-allow-headers", &self.headers);
        }
        if self.credentials {
            answer = answer.field(ALLOW_CREDENTIALS, "true");
        }
        if matches!(self.sites, Sites::These(_)) {
            answer = answer.field("vary", "Origin");
        }
        Some(answer)
    }

    /// The edits that any response gets, besides others.
    pub(crate) fn edits(
        &self,
        request: &Request,
        response: &Response,
        mut edits: ResponseEdits,
    ) -> ResponseEdits {
        if matches!(self.sites, Sites::These(_)) && !varies(response) {
            edits = edits.append("vary", "Origin");
        }
        let origin = request.field_text("Origin").unwrap_or_default();
        let Some(allowed) = self.allowed(&origin) else {
            return edits
                .remove(ALLOW_ORIGIN)
                .remove(ALLOW_CREDENTIALS)
                .remove(EXPOSE);
        };
        edits = edits.set(ALLOW_ORIGIN, allowed);
        edits = if self.credentials {
            edits.set(ALLOW_CREDENTIALS, "true")
        } else {
            edits.remove(ALLOW_CREDENTIALS)
        };
        if self.expose.is_empty() {
            edits.remove(EXPOSE)
        } else {
            edits.set(EXPOSE, &self.expose)
        }
    }

    /// The field's value for this origin, if it may read.
    fn allowed<'o>(&self, origin: &'o str) -> Option<&'o str> {
        match &self.sites {
            Sites::All => Some("*"),
            Sites::These(sites) => sites.iter().any(|site| site.is(origin)).then_some(origin),
        }
    }
}

impl Site {
    fn is(&self, origin: &str) -> bool {
        match self {
            Site::Exactly(site) => site == origin,
            Site::Below { scheme, domain } => {
                let labels = origin
                    .strip_prefix(scheme.as_str())
                    .and_then(|rest| rest.strip_suffix(domain.as_str()));
                labels.is_some_and(is_host)
            }
        }
    }
}

/// Returns true if Vary names Origin already, or everything.
fn varies(response: &Response) -> bool {
    let vary = response.field_text("Vary").unwrap_or_default();
    vary.split(',')
        .any(|name| name.trim().eq_ignore_ascii_case("origin") || name.trim() == "*")
}

fn sites(origins: &[String]) -> Result<Sites> {
    if origins.is_empty() {
        return Err(
            "`cors.origins` names no site; leave `cors` out, or name some, or \"*\"".into(),
        );
    }
    if origins.iter().any(|origin| origin == "*") {
        return if origins.len() == 1 {
            Ok(Sites::All)
        } else {
            Err("`cors.origins` has \"*\" and more; \"*\" is all".into())
        };
    }
    let sites: Option<Vec<Site>> = origins.iter().map(|origin| site(origin)).collect();
    let wrong = || {
        let origin = origins.iter().find(|origin| site(origin).is_none());
        format!(
            "`cors.origins` has {:?}: it takes \"https://www.example.com\" as browsers send it (lower case, no path), \
             \"https://*.example.com\", \"null\", or \"*\" alone",
            origin.map_or("", |origin| origin)
        )
    };
    Ok(Sites::These(sites.ok_or_else(wrong)?))
}

fn site(origin: &str) -> Option<Site> {
    if origin == "null" {
        return Some(Site::Exactly(origin.to_owned()));
    }
    let (scheme, authority) = origin.split_once("://")?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    };
    if !is_scheme(scheme) || port.is_some_and(|port| port.parse::<u16>().is_err()) {
        return None;
    }
    match host.strip_prefix("*.") {
        Some(domain) if is_host(domain) => Some(Site::Below {
            scheme: format!("{scheme}://"),
            domain: authority["*".len()..].to_owned(),
        }),
        None if is_host(host) => Some(Site::Exactly(origin.to_owned())),
        _ => None,
    }
}

fn is_scheme(text: &str) -> bool {
    let mut bytes = text.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
        && bytes.all(|byte| {
            byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"+-.".contains(&byte)
        })
}

/// Labels with dots between them, in lower case.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(|byte| {
                byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_".contains(&byte)
            })
    };
    text.split('.').all(label)
}
