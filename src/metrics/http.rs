//! Who asks by HTTP: metrics, pages, the API.

use std::collections::BTreeMap;

use super::{Room, counter, histogram};
use crate::latency::Latency;

/// Requests that were answered, since the start.
#[derive(Debug, Clone, Default)]
pub struct HttpFigures {
    /// By the pattern of the route, which has no value of its own in it, and by the answer's code.
    pub requests: BTreeMap<(String, u16), u64>,
    /// How long answers took, by the pattern of the route.
    pub took: BTreeMap<String, Latency>,
}

pub(super) const ROOM: Room = Room {
    title: "Pages and API",
    about: "What is asked by HTTP. `handler` is the route's pattern, as in `/api/v1/cameras/{id}`, or `none` where there is no such \
            route.",
    families: &[
        counter(
            "camwatch_http_requests_total",
            "requests",
            &["handler", "code"],
            "Requests that were answered, those that were refused among them.",
            |s, v| {
                for ((handler, code), count) in s.http.iter().flat_map(|http| &http.requests) {
                    v(&[handler, &code.to_string()], *count as f64);
                }
            },
        ),
        histogram(
            "camwatch_http_request_duration_seconds",
            &["handler"],
            "How long it took until an answer began.",
            |s, v| {
                for (handler, took) in s.http.iter().flat_map(|http| &http.took) {
                    v(&[handler], took);
                }
            },
        )
        .note("events go on after that for as long as somebody listens"),
    ],
};
