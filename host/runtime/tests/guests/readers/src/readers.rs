//! The answers of all readers of a request and a response, as text: compiled as a plugin and natively, to be compared.

use selvedge_sdk::{Request, Response};

fn text(bytes: Option<Vec<u8>>) -> String {
    format!(
        "{:?}",
        bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    )
}

fn texts(lines: Vec<Vec<u8>>) -> String {
    lines.into_iter().map(|line| text(Some(line))).collect()
}

/// Names that occur, that don't, in another case, and that can't be names.
const NAMES: [&str; 9] = [
    "accept", "ACCEPT", "cookie", "x-bytes", "x-empty", "x-spaces", "absent", "no name", "",
];

/// The answers of each reader of a request.
pub(crate) fn of_request(request: &Request) -> String {
    let mut said = vec![
        format!("method {}", request.method()),
        format!("scheme {:?}", request.scheme()),
        format!("host {}", request.host()),
        format!("path {}", request.path()),
        format!("query {:?}", request.query()),
        format!("params {:?}", request.query_params()),
        format!("names {:?}", request.field_names()),
        format!("body {:?} {:?}", request.body(100), request.body(3)),
        format!(
            "viewer {} {}",
            request.viewer_address(),
            request.viewer_port()
        ),
        format!("version {:?}", request.http_version()),
        format!("tls {:?} {:?}", request.tls_version(), request.tls_cipher()),
        format!("ids {} {}", request.distribution(), request.edge()),
        format!("origin {:?}", request.origin()),
        format!(
            "cache {:?} {:?} {:?}",
            request.cache_status(),
            request.cache_age(),
            request.cache_key()
        ),
        format!("request id {}", request.request_id()),
        format!("elapsed {}", request.elapsed() < 60_000_000),
    ];
    for name in ["q", "utm", "empty", "absent", "bad", ""] {
        said.push(format!("param {name} {:?}", request.query_param(name)));
    }
    for name in NAMES {
        let (field, lines) = (text(request.field(name)), texts(request.field_values(name)));
        said.push(format!(
            "field {name} {field} {lines} {:?}",
            request.field_text(name)
        ));
    }
    for name in [
        "a", "group", "spaced", "flag", "empty", "grou", "absent", "",
    ] {
        let cookie = text(request.cookie(name));
        said.push(format!(
            "cookie {name} {cookie} {:?}",
            request.cookie_text(name)
        ));
    }
    for name in ["country", "city", "no such fact"] {
        said.push(format!("geo {name} {:?}", request.geo(name)));
    }
    said.join("\n")
}

/// The answers of each reader of a response.
pub(crate) fn of_response(response: &Response) -> String {
    let mut said = vec![
        format!("status {}", response.status()),
        format!("origin {:?}", response.origin()),
        format!("names {:?}", response.field_names()),
    ];
    for name in [
        "content-type",
        "Cache-Control",
        "set-cookie",
        "absent",
        "no name",
    ] {
        let (field, lines) = (
            text(response.field(name)),
            texts(response.field_values(name)),
        );
        said.push(format!(
            "field {name} {field} {lines} {:?}",
            response.field_text(name)
        ));
    }
    said.join("\n")
}
