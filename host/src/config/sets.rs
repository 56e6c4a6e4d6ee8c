//! Sets of names: which query parameters, cookies and fields of a request are meant.

use http::{HeaderName, header};

use super::printable::printable;
use super::report::Problem;
use super::scalar::text;
use super::walk::{Kind, Table, Value, distinct, kind, table};

/// A set of names of query parameters or cookies: `"none"`, `"all"`, `{ only = [...] }` or `{ except = [...] }`.
/// Names are compared with case, and a `*` at the end of one stands for anything.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum NameSet {
    /// No name.
    #[default]
    None,
    /// Every name.
    All,
    /// These names.
    Only(Vec<NamePattern>),
    /// Every name but these.
    Except(Vec<NamePattern>),
}

impl NameSet {
    /// These names; unlike in a file, nothing is refused. Plugins list names this way.
    pub fn only(names: impl IntoIterator<Item = impl AsRef<str>>) -> NameSet {
        NameSet::Only(
            names
                .into_iter()
                .map(|name| NamePattern::lenient(name.as_ref()))
                .collect(),
        )
    }

    /// Every name but these; see [`NameSet::only`].
    pub fn except(names: impl IntoIterator<Item = impl AsRef<str>>) -> NameSet {
        NameSet::Except(
            names
                .into_iter()
                .map(|name| NamePattern::lenient(name.as_ref()))
                .collect(),
        )
    }

    /// Returns true if the set has this name. Names are bytes, since those of cookies need not be text.
    pub fn contains(&self, name: impl AsRef<[u8]>) -> bool {
        let name = name.as_ref();
        match self {
            NameSet::None => false,
            NameSet::All => true,
            NameSet::Only(patterns) => patterns.iter().any(|pattern| pattern.matches(name)),
            NameSet::Except(patterns) => !patterns.iter().any(|pattern| pattern.matches(name)),
        }
    }
}

/// A name, or the beginning of names: `utm_*`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct NamePattern {
    text: String,
    is_prefix: bool,
}

impl NamePattern {
    pub(super) fn new(typed: &str) -> Result<NamePattern, Problem> {
        let text = typed.strip_suffix('*').unwrap_or(typed);
        if text.is_empty() {
            let problem = Problem::new(format!("`{typed}` is not a name"));
            return Err(problem.help("for every name write \"all\" in place of the table"));
        }
        if text.contains('*') {
            let problem = Problem::new(format!("`{}` has a `*` before its end", printable(typed)));
            return Err(problem.allowed("`*` only as the last character, as in \"utm_*\""));
        }
        Ok(NamePattern::lenient(typed))
    }

    /// Takes any text; a `*` before the end stands for itself.
    fn lenient(typed: &str) -> NamePattern {
        let text = typed.strip_suffix('*').unwrap_or(typed);
        NamePattern {
            text: text.to_owned(),
            is_prefix: text.len() < typed.len(),
        }
    }

    /// Returns true if this name is meant.
    pub fn matches(&self, name: impl AsRef<[u8]>) -> bool {
        let (name, text) = (name.as_ref(), self.text.as_bytes());
        match self.is_prefix {
            true => name.starts_with(text),
            false => name == text,
        }
    }
}

impl std::fmt::Display for NamePattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}", self.text, if self.is_prefix { "*" } else { "" })
    }
}

/// A set of the viewer's fields that are sent to the origin beside the key. Cookie is never among them (`cookies`
/// decides), nor are the fields of the connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum FieldSet {
    /// No field.
    #[default]
    None,
    /// Fields that browsers send of themselves and that origins name in Vary. No file can say it; it is
    /// what a file that says nothing means.
    Usual,
    /// Every end-to-end field, Host included.
    All,
    /// These fields.
    Only(Vec<HeaderName>),
    /// Every end-to-end field but these.
    Except(Vec<HeaderName>),
}

impl FieldSet {
    /// Returns true if the set has this field.
    pub fn contains(&self, name: &HeaderName) -> bool {
        match self {
            FieldSet::None => false,
            FieldSet::Usual => is_usual(name),
            FieldSet::All => true,
            FieldSet::Only(names) => names.contains(name),
            FieldSet::Except(names) => !names.contains(name),
        }
    }
}

/// Fields of content negotiation and of where a request comes from, and the client hints without a common beginning.
const USUAL: [HeaderName; 14] = [
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::ACCEPT_LANGUAGE,
    header::USER_AGENT,
    header::ORIGIN,
    header::REFERER,
    HeaderName::from_static("device-memory"),
    HeaderName::from_static("downlink"),
    HeaderName::from_static("dpr"),
    HeaderName::from_static("ect"),
    HeaderName::from_static("rtt"),
    HeaderName::from_static("save-data"),
    HeaderName::from_static("viewport-width"),
    HeaderName::from_static("width"),
];

/// Returns true if browsers send the field of themselves and origins name it in Vary: content negotiation, Origin, Referer,
/// client hints (RFC 8942) and Fetch Metadata.
fn is_usual(name: &HeaderName) -> bool {
    let text = name.as_str();
    text.starts_with("sec-ch-") || text.starts_with("sec-fetch-") || USUAL.contains(name)
}

/// Fields that origins take for the target URI or the method, in the spelling with `-`.
const ACTED_UPON: [&str; 26] = [
    "client-ip",
    "forwarded",
    "front-end-https",
    "true-client-ip",
    "x-client-ip",
    "x-forwarded-host",
    "x-forwarded-path",
    "x-forwarded-port",
    "x-forwarded-prefix",
    "x-forwarded-protocol",
    "x-forwarded-scheme",
    "x-forwarded-server",
    "x-forwarded-ssl",
    "x-forwarded-uri",
    "x-host",
    "x-http-destinationurl",
    "x-http-host-override",
    "x-original-host",
    "x-original-uri",
    "x-original-url",
    "x-proxy-url",
    "x-real-ip",
    "x-rewrite-url",
    "x-script-name",
    "x-url-scheme",
    "x-wap-profile",
];

/// Fields by which some origins take a request for one with another method, in the spelling with `-`.
const METHOD_OVERRIDES: [&str; 3] = [
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Returns true if origins are known to act upon the field whatever the request is for.
pub(super) fn is_acted_upon(name: &HeaderName) -> bool {
    ACTED_UPON.iter().any(|known| is_spelled(name, known)) || is_method_override(name)
}

/// Returns true if some origins take the request for one with another method because of this field, which would walk around
/// `allowed_methods`.
pub fn is_method_override(name: &HeaderName) -> bool {
    METHOD_OVERRIDES.iter().any(|known| is_spelled(name, known))
}

/// Returns true if the name is this one, or becomes it where an origin reads `_` for `-` (CGI, RFC 3875, section 4.1.18).
fn is_spelled(name: &HeaderName, known: &str) -> bool {
    let name = name.as_str().as_bytes();
    let same = |(one, other): (&u8, &u8)| one == other || (*one == b'_' && *other == b'-');
    name.len() == known.len() && name.iter().zip(known.as_bytes()).all(same)
}

const SET_WORDS: &str = "\"none\", \"all\", { only = [...] } or { except = [...] }";

/// The two lists that a set may be written as.
struct Lists<T> {
    only: Option<Vec<T>>,
    except: Option<Vec<T>>,
}

/// Reads any of the forms of a set; `from` makes it of `Only` (true) or `Except` (false) and a list.
fn set<'a, T, S>(
    value: &Value<'a>,
    items: impl Fn(&Value<'a>) -> Option<Vec<T>>,
    [none, all]: [S; 2],
    from: impl Fn(bool, Vec<T>) -> S,
) -> Option<S> {
    let lists = |t: &Table<'a>| {
        t.exclusive("only", "except");
        if t.place("only").or(t.place("except")).is_none() {
            t.refuse(Problem::new(format!("`{}` chooses nothing", value.key)).allowed(SET_WORDS));
        }
        Lists {
            only: t.optional("only", &items),
            except: t.optional("except", &items),
        }
    };
    match kind(value) {
        Kind::Text("none") => Some(none),
        Kind::Text("all") => Some(all),
        Kind::List => Some(from(true, items(value)?)),
        Kind::Table => match table("this table", lists)(value)? {
            Lists {
                only: Some(only), ..
            } => Some(from(true, only)),
            Lists {
                except: Some(except),
                ..
            } => Some(from(false, except)),
            _ => None,
        },
        Kind::Text(word) => {
            let problem = Problem::new(format!(
                "`{}` is not a value of `{}`",
                printable(word),
                value.key
            ));
            let problem = problem.allowed(SET_WORDS);
            value.refuse(problem.help(format!(
                "for this one name: {} = {{ only = [\"{}\"] }}",
                value.key,
                printable(word)
            )))
        }
        Kind::Other => value.refuse(
            Problem::new(format!("`{}` takes no such value", value.key)).allowed(SET_WORDS),
        ),
    }
}

/// Reads a set of query parameters or cookies.
pub(super) fn name_set(value: &Value<'_>) -> Option<NameSet> {
    let names = |v: &Value<'_>| {
        let names = distinct(100, text(NamePattern::new))(v)?;
        Some(names.into_iter().map(|name| name.value).collect())
    };
    set(
        value,
        names,
        [NameSet::None, NameSet::All],
        |only, names| match only {
            true => NameSet::Only(names),
            false => NameSet::Except(names),
        },
    )
}

/// Reads a set of fields.
pub(super) fn field_set(value: &Value<'_>) -> Option<FieldSet> {
    set(
        value,
        fields,
        [FieldSet::None, FieldSet::All],
        |only, names| match only {
            true => FieldSet::Only(names),
            false => FieldSet::Except(names),
        },
    )
}

/// The fields of a key: a list, or "none".
pub(super) fn key_fields(value: &Value<'_>) -> Option<Vec<HeaderName>> {
    match kind(value) {
        Kind::Text("none") => Some(Vec::new()),
        Kind::Text("all") => value.refuse(
            Problem::new("a key with every field of the request would never be met twice")
                .help("list the fields that the origin looks at: headers = [\"Accept-Language\"]"),
        ),
        _ => fields(value),
    }
}

/// Fields that can neither be part of a key nor be forwarded by name, and what to do in place of it.
const REFUSED: [(&str, &str); 17] = [
    ("cookie", "choose cookies by name with `cookies`"),
    (
        "accept-encoding",
        "use `accept_encoding = [\"gzip\", \"br\"]` in `cache`: it keeps the variants few",
    ),
    ("connection", CONNECTION),
    ("keep-alive", CONNECTION),
    ("proxy-authorization", CONNECTION),
    ("proxy-connection", CONNECTION),
    ("te", CONNECTION),
    ("trailer", CONNECTION),
    ("transfer-encoding", CONNECTION),
    ("upgrade", CONNECTION),
    ("content-length", CONNECTION),
    ("range", CONDITION),
    ("if-range", CONDITION),
    ("if-match", CONDITION),
    ("if-none-match", CONDITION),
    ("if-modified-since", CONDITION),
    ("if-unmodified-since", CONDITION),
];
const CONNECTION: &str = "remove it: it concerns one connection, and the host sets it itself";
const CONDITION: &str = "remove it: the cache answers it from the stored response";

fn field(typed: &str) -> Result<HeaderName, Problem> {
    let shown = printable(typed);
    let lower = typed.to_ascii_lowercase();
    if let Some((_, way_out)) = REFUSED.iter().find(|(name, _)| *name == lower) {
        return Err(
            Problem::new(format!("the field `{shown}` cannot be chosen here")).help(*way_out),
        );
    }
    let problem = || Problem::new(format!("`{shown}` cannot be the name of a field"));
    if typed.contains('*') {
        return Err(
            problem().help("name each field; `*` works only for query parameters and cookies")
        );
    }
    HeaderName::from_bytes(lower.as_bytes())
        .map_err(|_| problem().allowed("letters, digits and ! # $ % & ' + - . ^ _ ` | ~"))
}

fn fields(value: &Value<'_>) -> Option<Vec<HeaderName>> {
    // HeaderName has no order; its text does.
    let names = distinct(25, text(|typed| field(typed).map(|name| name.to_string())))(value)?;
    Some(
        names
            .iter()
            .filter_map(|name| HeaderName::from_bytes(name.as_bytes()).ok())
            .collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_chosen_one_by_one_or_by_their_beginning() {
        let only = NameSet::only(["a", "utm_*"]);
        assert_eq!(
            ["a", "ab", "utm_", "utm_x"].map(|name| only.contains(name)),
            [true, false, true, true]
        );
        let except = NameSet::except(vec!["*".to_owned()]);
        assert!(!except.contains("anything"));
        assert!(NameSet::only(["a*b"]).contains("a*b"));
        assert!(NameSet::All.contains("") && !NameSet::None.contains(""));
    }

    #[test]
    fn a_set_of_fields_knows_host_like_any_other() {
        use http::header::{HOST, USER_AGENT};
        assert!(FieldSet::All.contains(&HOST));
        assert!(!FieldSet::Except(vec![HOST]).contains(&HOST));
        assert!(FieldSet::Only(vec![USER_AGENT]).contains(&USER_AGENT));
    }

    #[test]
    fn the_usual_fields_are_those_that_browsers_send_and_origins_name_in_vary() {
        let usual = |name: &str| is_usual(&HeaderName::from_bytes(name.as_bytes()).unwrap());
        for name in [
            "accept",
            "accept-encoding",
            "accept-language",
            "user-agent",
            "origin",
            "referer",
            "sec-ch-ua-mobile",
            "sec-fetch-dest",
            "save-data",
            "dpr",
        ] {
            assert!(usual(name), "{name}");
        }
        for name in [
            "cookie",
            "host",
            "forwarded",
            "x-forwarded-host",
            "x-requested-with",
            "content-type",
            "sec-websocket-key",
            "cache-control",
        ] {
            assert!(!usual(name), "{name}");
        }
    }

    #[test]
    fn a_field_that_origins_act_upon_is_known_in_other_spellings() {
        let name = |name: &str| HeaderName::from_bytes(name.as_bytes()).unwrap();
        for text in [
            "X-HTTP-Method-Override",
            "x_http_method_override",
            "X-Http_Method-Override",
            "x-method_override",
        ] {
            assert!(is_method_override(&name(text)), "{text}");
        }
        for text in [
            "X-Forwarded-Host",
            "x_forwarded_host",
            "Forwarded",
            "X_Original-URL",
        ] {
            assert!(is_acted_upon(&name(text)), "{text}");
        }
        assert!(!is_acted_upon(&name("user-agent")) && !is_acted_upon(&name("x-forwarded-hosts")));
    }

    #[test]
    fn a_name_that_is_no_text_is_still_a_name() {
        assert!(NameSet::only(["a*"]).contains(b"a\xff"));
        assert!(!NameSet::only(["b"]).contains(b"a\xff"));
        assert!(NameSet::except(["b"]).contains(b"\xff"));
    }
}
