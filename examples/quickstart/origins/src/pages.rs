//! The origin's answers, path by path.

use crate::Request;
use std::thread;
use std::time::Duration;

const HTML: &str = "text/html; charset=utf-8";

/// One answer, before it is known whether whoever asks has it already.
pub(crate) struct Page {
    pub(crate) status: &'static str,
    pub(crate) content_type: &'static str,
    pub(crate) cache_control: Option<&'static str>,
    pub(crate) etag: Option<String>,
    pub(crate) body: String,
}

/// The answer with this number of the origin with this name.
pub(crate) fn answer(name: &str, request: &Request, number: u64) -> Page {
    let device = device(&request.user_agent);
    let counted = format!("This is answer {number} of {name}.");
    match request.path.as_str() {
        "/" | "/index.html" => {
            let text = format!(
                "For a {device}, with the query '{}'. {counted}",
                escape(&request.query)
            );
            page(HTML, Some("max-age=60"), html(name, &text))
        }
        // The text does not hold the answer's number, so the ETag stays, and an edge can validate what it stored.
        "/article" => {
            let text = html(name, &format!("An article for a {device}."));
            Page {
                etag: Some(format!("\"{name}-{device}-1\"")),
                ..page(HTML, Some("max-age=5"), text)
            }
        }
        "/private" => page(
            HTML,
            Some("private"),
            html(name, &format!("For you alone. {counted}")),
        ),
        "/slow" => {
            thread::sleep(Duration::from_secs(2));
            page(
                HTML,
                Some("max-age=60"),
                html(name, &format!("This took two seconds. {counted}")),
            )
        }
        "/silent" => {
            let text = format!("The origin does not say how long this lives. {counted}\n");
            page("text/plain; charset=utf-8", None, text)
        }
        "/images/mark.svg" => page("image/svg+xml", Some("max-age=60"), mark(name)),
        path => {
            let text = html(name, &format!("There is no {}.", escape(path)));
            Page {
                status: "404 Not Found",
                ..page(HTML, None, text)
            }
        }
    }
}

/// Two device classes, those that the plugin puts into the cache key.
fn device(user_agent: &str) -> &'static str {
    let phone = ["iPhone", "Android", "Mobile"]
        .iter()
        .any(|word| user_agent.contains(word));
    if phone { "phone" } else { "desktop" }
}

fn page(content_type: &'static str, cache_control: Option<&'static str>, body: String) -> Page {
    Page {
        status: "200 OK",
        content_type,
        cache_control,
        etag: None,
        body,
    }
}

fn html(name: &str, text: &str) -> String {
    let title = match name {
        "canary" => "Hello from the canary, in its new dress",
        _ => "Hello from the main origin",
    };
    format!("<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n")
}

/// A disc, in the colour of the origin.
fn mark(name: &str) -> String {
    let colour = if name == "canary" { "gold" } else { "teal" };
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"64\" height=\"64\">\
         <circle cx=\"32\" cy=\"32\" r=\"30\" fill=\"{colour}\"/></svg>\n"
    )
}

/// Text as HTML shows it.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('"', "&quot;")
}
