//! A response whose head has arrived.

use super::answer::Report;
use super::conditions::Conditions;
use super::fetched_body::FetchedBody;
use super::job::Job;
use super::outcome::Own;
use crate::pipeline::fetches::Slot;
use http::header::{CONTENT_LENGTH, DATE};
use http::{HeaderMap, HeaderValue, StatusCode};
use hyper::upgrade::OnUpgrade;
use selvedge_caching::{Response as Arrived, Time};
use selvedge_runtime::{ResponseFacts, SyntheticResponse};
use std::sync::Arc;

/// A response whose head has arrived. In a box wherever futures hold it.
pub(crate) struct Fetched {
    pub(crate) status: StatusCode,
    pub(crate) fields: HeaderMap,
    pub(crate) body: FetchedBody,
    /// True if the request to the origin asked for a range.
    pub(crate) asked_for_range: bool,
    /// The origin that sent it; `None` where a plugin made it.
    pub(crate) origin: Option<String>,
    pub(crate) request_time: Time,
    pub(crate) response_time: Time,
    /// Its slot among the fetches under way; `None` if no origin was asked.
    pub(crate) slot: Option<Slot>,
    /// The connection, where the origin agreed to upgrade.
    pub(crate) upgrade: Option<OnUpgrade>,
}

impl Fetched {
    /// The response as hooks look at it.
    pub(crate) fn facts(&self) -> ResponseFacts {
        ResponseFacts {
            status: self.status,
            fields: self.fields.clone(),
            origin: self.origin.clone(),
        }
    }

    /// Returns true for a 206 that no range was asked for (RFC 9110, section 15.3.7): whatever it is, it is no part to be stored.
    pub(crate) fn is_unasked_part(&self) -> bool {
        self.status == StatusCode::PARTIAL_CONTENT && !self.asked_for_range
    }

    /// The response as the caching rules look at it.
    pub(crate) fn arrived(&self) -> Arrived<'_> {
        Arrived {
            status: self.status,
            fields: &self.fields,
            request_time: self.request_time,
            response_time: self.response_time,
        }
    }

    /// The response where it is for one viewer only, with the word why.
    pub(crate) fn into_own(
        self: Box<Self>,
        why: &'static str,
        conditions: Conditions,
        report: Arc<Report>,
    ) -> Own {
        let fetched = *self;
        Own {
            status: fetched.status,
            fields: fetched.fields,
            body: fetched.body,
            slot: fetched.slot,
            why,
            report,
            conditions,
            upgrade: fetched.upgrade,
        }
    }

    /// Makes a response of a plugin one that an origin could have sent.
    pub(crate) fn made(job: &Job, response: SyntheticResponse) -> Result<Fetched, String> {
        let SyntheticResponse {
            status,
            mut fields,
            body,
        } = response;
        if matches!(
            status,
            StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            return Err(format!(
                "it answered {}, which is about something that an origin has",
                status.as_u16()
            ));
        }
        let now = job.edge.clock().now();
        if !fields.contains_key(DATE)
            && let Ok(date) = HeaderValue::try_from(httpdate::fmt_http_date(now.to_system()))
        {
            fields.insert(DATE, date);
        }
        if status != StatusCode::NO_CONTENT {
            fields.insert(CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
        Ok(Fetched {
            status,
            fields,
            body: FetchedBody::Made(Some(body).filter(|_| job.facts.method != http::Method::HEAD)),
            asked_for_range: false,
            origin: None,
            request_time: now,
            response_time: now,
            slot: None,
            upgrade: None,
        })
    }
}
