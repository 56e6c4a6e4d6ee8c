//! Turns links to other hosts in pages while they stream: absolute links of the hosts that the configuration names get
//! another beginning, in attributes of HTML and in Location.
//!
//! Runs at `origin-response`, so what is stored has the new links and a hit costs nothing. Of a page no more is held
//! than the beginning of one link.

mod html;
mod links;
mod rules;

use std::cell::RefCell;
use std::rc::Rc;

use selvedge_sdk::prelude::*;

use html::Html;
use links::Links;
use rules::{Rules, Settings};

thread_local! {
    static RULES: RefCell<Option<Rc<Rules>>> = const { RefCell::new(None) };
}

#[init]
fn init(settings: Settings) -> Result<()> {
    RULES.set(Some(Rc::new(Rules::new(settings)?)));
    Ok(())
}

#[origin_response]
fn on_origin_response(_request: &Request, response: &Response) -> Result<OriginResponseDecision> {
    let rules = RULES.with_borrow(Clone::clone);
    let rules = rules.ok_or("the plugin was not initialised")?;
    let edits = location(response, &rules);
    if is_plain_page(response) {
        let page = Box::new(Page(Html::new(rules)));
        return Ok(OriginResponseDecision::Transform(
            edits.unwrap_or_default(),
            page,
        ));
    }
    Ok(edits.map_or(OriginResponseDecision::Next, Into::into))
}

/// Where a redirection leads, if that changes.
fn location(response: &Response, rules: &Rc<Rules>) -> Option<ResponseEdits> {
    let before = response
        .field("Location")
        .filter(|_| rules.changes_location())?;
    let mut after = Vec::new();
    let mut links = Links::new(rules.clone());
    links.begin(false);
    for byte in &before {
        links.push(*byte, &mut after);
    }
    links.end(&mut after);
    (after != before).then(|| ResponseEdits::new().set("Location", after))
}

/// Returns true if the body is HTML that can be read as it comes: not compressed, and in a charset that has ASCII's bytes.
fn is_plain_page(response: &Response) -> bool {
    let kind = response.field_text("Content-Type").unwrap_or_default();
    let kind = kind.to_ascii_lowercase();
    let (essence, parameters) = kind.split_once(';').unwrap_or((&kind, ""));
    if essence.trim() != "text/html" || parameters.contains("utf-16") {
        return false;
    }
    let coding = response.field_text("Content-Encoding").unwrap_or_default();
    let plain = coding.is_empty() || coding.eq_ignore_ascii_case("identity");
    if !plain {
        metrics::count("encoded_pages", 1);
    }
    plain
}

/// A page on its way.
struct Page(Html);

impl Transform for Page {
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<()> {
        out.reserve(piece.len());
        self.0.push(piece, out);
        Ok(())
    }

    fn finish(&mut self, out: &mut Vec<u8>) -> Result<()> {
        self.0.finish(out);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
