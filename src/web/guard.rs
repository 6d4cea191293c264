//! What stands before every request over HTTP: that it was meant for us, that no foreign page sent it, and what browsers must
//! not do with the answer.

use std::collections::BTreeSet;
use std::net::IpAddr;

use axum::Json;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::api::Refusal;

/// Pages are served from here alone, run our scripts only, and are shown in no frame.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The header that simple requests of foreign pages can't carry.
const OURS: &str = "x-camwatch";

/// By which names this host may be called: a page of elsewhere whose name was made to point here calls it by that name.
#[derive(Debug, Clone, Default)]
pub(super) struct Hosts {
    names: BTreeSet<String>,
    /// Any address is right: whoever listens beyond loopback is called by an address that is not known beforehand.
    any_address: bool,
}

impl Hosts {
    /// `localhost` and loopback addresses, and these names; beyond loopback any address.
    pub(super) fn new(names: &[String], beyond_loopback: bool) -> Self {
        let names = names.iter().map(|name| name.to_ascii_lowercase());
        Self { names: names.chain(["localhost".to_owned()]).collect(), any_address: beyond_loopback }
    }

    /// Whether a `Host` means us; with or without a port.
    pub(super) fn mean_us(&self, host: &str) -> bool {
        let name = name_of(host).to_ascii_lowercase();
        match name.parse::<IpAddr>() {
            Ok(address) => self.any_address || address.is_loopback() || self.names.contains(&name),
            Err(_) => self.names.contains(&name),
        }
    }
}

/// The name of a `Host` header, without the port and the brackets of IPv6.
fn name_of(host: &str) -> &str {
    if let Some(rest) = host.strip_prefix('[') {
        return rest.split_once(']').map_or(rest, |(name, _)| name);
    }
    host.rsplit_once(':').map_or(host, |(name, _)| name)
}

/// Why a request is refused, if it was meant for another host.
pub(super) fn not_for_us(request: &Request, hosts: &Hosts) -> Option<Response> {
    // HTTP/1.0 has no hosts, and no browser speaks it.
    let ours = host_of(request.headers()).is_none_or(|host| hosts.mean_us(host))
        && request.uri().authority().is_none_or(|authority| hosts.mean_us(authority.as_str()));
    (!ours).then(|| {
        refusal(
            StatusCode::MISDIRECTED_REQUEST,
            "this host is called by another name: name it in [http] hosts, or use localhost",
        )
    })
}

fn host_of(headers: &HeaderMap) -> Option<&str> {
    headers.get(header::HOST).map(|host| host.to_str().unwrap_or("?"))
}

/// Whether a request may change something.
pub(super) fn changes(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH | Method::DELETE)
}

/// Why a change is refused: a foreign page may have had it sent. That it is JSON is asked by whoever reads it.
pub(super) fn foreign(headers: &HeaderMap) -> Option<Response> {
    let text = |name: HeaderName| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if let Some(origin) = text(header::ORIGIN) {
        let ours = origin.split_once("://").is_some_and(|(_, authority)| Some(authority) == host_of(headers));
        if !ours {
            return Some(refusal(StatusCode::FORBIDDEN, "this was sent by a page of another origin"));
        }
    }
    if text(HeaderName::from_static("sec-fetch-site")).is_some_and(|site| site == "cross-site") {
        return Some(refusal(StatusCode::FORBIDDEN, "this was sent by a page of another site"));
    }
    if !headers.contains_key(OURS) {
        return Some(refusal(StatusCode::FORBIDDEN, "a change needs the header `X-Camwatch: 1`"));
    }
    None
}

/// An answer that says why not.
pub(super) fn refusal(status: StatusCode, error: &str) -> Response {
    (status, Json(Refusal { error: error.to_owned() })).into_response()
}

/// What browsers must not do with an answer.
///
/// Not that they must encrypt (RFC 6797): that holds for every port of a host, and Grafana may be on the next one.
pub(super) fn harden(response: &mut Response) {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn only_our_own_names_mean_us() {
        let hosts = Hosts::new(&["Camwatch.Council.example".to_owned()], false);
        for ours in ["localhost", "localhost:9469", "127.0.0.1:9469", "[::1]:9469", "camwatch.council.example:443"] {
            assert!(hosts.mean_us(ours), "{ours}");
        }
        for other in ["evil.example", "127.0.0.1.evil.example", "10.0.0.5:9469", "", "localhost.evil.example:9469"] {
            assert!(!hosts.mean_us(other), "{other}");
        }
        assert!(Hosts::new(&[], true).mean_us("10.0.0.5:9469"));
        assert!(!Hosts::new(&[], true).mean_us("evil.example"));
    }

    #[test]
    fn a_change_needs_what_a_foreign_page_cannot_send() {
        let request = |headers: &[(&str, &str)]| {
            let mut request =
                Request::builder().method("POST").uri("/api/v1/suppressions").header("host", "localhost:1");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            foreign(request.body(Body::empty()).unwrap().headers()).map(|response| response.status().as_u16())
        };
        let (ours, json) = (("x-camwatch", "1"), ("content-type", "application/json; charset=utf-8"));
        assert_eq!(request(&[ours, json]), None);
        assert_eq!(request(&[ours, json, ("origin", "http://localhost:1")]), None);
        assert_eq!(request(&[json]), Some(403));
        assert_eq!(request(&[ours, json, ("origin", "http://evil.example")]), Some(403));
        assert_eq!(request(&[ours, json, ("origin", "null")]), Some(403));
        assert_eq!(request(&[ours, json, ("sec-fetch-site", "cross-site")]), Some(403));
    }
}
