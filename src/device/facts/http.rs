//! HTTP: what servers and clients call their software (RFC 9110, sections 10.1.5 and 10.2.4), and whom a server asks to log
//! in to.

use super::text::lossy;
use super::{Sighting, Source};

/// Bytes of a message that are looked at for headers.
const MAX_HEAD: usize = 8192;
/// Headers that are looked at.
const MAX_HEADERS: usize = 64;

/// Tells `found` each header: its name in lower case, and its value. Takes what is there of a head that is cut, and bare
/// line feeds; the first line, which is none, is passed over.
pub(super) fn headers(bytes: &[u8], mut found: impl FnMut(&str, &str)) {
    let head = bytes.get(..MAX_HEAD).unwrap_or(bytes);
    for line in head.split(|byte| *byte == b'\n').skip(1).take(MAX_HEADERS) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            return;
        }
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        found(&lossy(name, 64).to_lowercase(), lossy(value.get(1..).unwrap_or_default(), 512).trim());
    }
}

/// Whether a TCP payload begins an HTTP response.
pub fn is_response(bytes: &[u8]) -> bool {
    bytes.starts_with(b"HTTP/1.")
}

/// Whether a TCP payload begins an HTTP request.
pub fn is_request(bytes: &[u8]) -> bool {
    [&b"GET "[..], b"POST ", b"HEAD ", b"PUT ", b"OPTIONS "].iter().any(|method| bytes.starts_with(method))
}

/// What a server's first bytes say about the server.
pub fn parse_response(bytes: &[u8]) -> Vec<Sighting> {
    if !is_response(bytes) {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Http);
    headers(bytes, |name, value| match name {
        "server" => sighting.software(value),
        "www-authenticate" => {
            if let Some(realm) = realm(value) {
                sighting.brand_words(realm);
            }
        }
        _ => {}
    });
    sighting.into_list()
}

/// What a client's first bytes say about the client.
pub fn parse_request(bytes: &[u8]) -> Vec<Sighting> {
    if !is_request(bytes) {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Http);
    headers(bytes, |name, value| {
        if name == "user-agent" {
            sighting.software(value);
        }
    });
    sighting.into_list()
}

/// The realm of an authentication challenge (RFC 7616, section 3.3).
pub(super) fn realm(challenge: &str) -> Option<&str> {
    let (_, rest) = challenge.split_once("realm=\"")?;
    rest.split('"').next()
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::super::{DeviceKind, Field};
    use super::*;

    const RESPONSE: &[u8] =
        b"HTTP/1.1 401 Unauthorized\r\nServer: DNVRS-Webs\r\nWWW-Authenticate: Digest realm=\"DVR\", \
        nonce=\"x\"\r\n\r\n";

    #[test]
    fn a_server_header_tells_software_and_maker() {
        let [found] = &parse_response(RESPONSE)[..] else { panic!() };
        assert_eq!(texts(found, Field::Software), ["DNVRS-Webs"]);
        assert_eq!(texts(found, Field::Maker), ["hikvision"]);
    }

    #[test]
    fn a_browser_is_a_computers() {
        let request = b"GET / HTTP/1.1\r\nHost: x\r\nUser-Agent: Mozilla/5.0 (Windows NT 10.0; Win64; x64)\r\n\r\n";
        assert_eq!(parse_request(request)[0].kind().map(|(kind, _)| kind), Some(DeviceKind::Other));
        assert!(parse_request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").is_empty());
        assert!(parse_response(b"\x16\x03\x03").is_empty());
    }

    holds!(RESPONSE, |bytes: &[u8]| [parse_response(bytes), parse_request(bytes)].concat());
}
