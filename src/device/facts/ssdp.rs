//! `UPnP`'s discovery (SSDP): HTTP-like datagrams over UDP port 1900, multicast 239.255.255.250.
//!
//! `NOTIFY` announces and an HTTP response answers; both name the software in `SERVER` and the kind of service in `NT` or
//! `ST` (`UPnP` Device Architecture 2.0, section 1). `M-SEARCH` asks, and may say who does in `USER-AGENT`.

use super::super::DeviceKind;
use super::{Certainty, Sighting, Source, http};

/// The port of questions and answers.
pub const PORT: u16 = 1900;

/// What a datagram says.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    let answers = bytes.starts_with(b"HTTP/1.") || bytes.starts_with(b"NOTIFY ");
    if !answers && !bytes.starts_with(b"M-SEARCH ") {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Ssdp);
    http::headers(bytes, |name, value| match name {
        "server" if answers => sighting.software(value),
        "user-agent" if !answers => sighting.software(value),
        "nt" | "st" | "usn" if answers => {
            if value.contains("device:InternetGatewayDevice") || value.contains("device:WANDevice") {
                sighting.kind_is(DeviceKind::Other, Certainty::Sure);
            } else if value.contains("device:Printer") || value.contains("device:MediaRenderer") {
                sighting.kind_is(DeviceKind::Other, Certainty::Likely);
            } else if value.contains("device:DigitalSecurityCamera") {
                sighting.kind_is(DeviceKind::Camera, Certainty::Sure);
            } else if value.contains("schemas-axis-com") || value.contains("axis-com:service:BasicService") {
                sighting.brand_words("axis");
                sighting.kind_is(DeviceKind::Camera, Certainty::Likely);
            }
        }
        _ => {}
    });
    sighting.into_list()
}

#[cfg(test)]
mod tests {
    use super::super::Field;
    use super::super::check::{holds, texts};
    use super::*;

    const NOTIFY: &[u8] = b"NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\n\
        NT: urn:schemas-upnp-org:device:DigitalSecurityCamera:1\r\nNTS: ssdp:alive\r\n\
        SERVER: Linux/3.10 UPnP/1.0 Hikvision/1.0\r\nUSN: uuid:x::y\r\n\r\n";

    #[test]
    fn an_announcement_tells_kind_and_software() {
        let [found] = &parse(NOTIFY)[..] else { panic!() };
        assert_eq!(found.kind(), Some((DeviceKind::Camera, Certainty::Sure)));
        assert_eq!(texts(found, Field::Software), ["Linux/3.10 UPnP/1.0 Hikvision/1.0"]);
        assert_eq!(texts(found, Field::Brand), ["hikvision"]);
    }

    #[test]
    fn a_search_tells_who_asks() {
        let search =
            b"M-SEARCH * HTTP/1.1\r\nMAN: \"ssdp:discover\"\r\nUSER-AGENT: Google Chrome/120 Windows NT 10.0\r\n\r\n";
        assert_eq!(parse(search)[0].kind().map(|(kind, _)| kind), Some(DeviceKind::Other));
        assert!(parse(b"M-SEARCH * HTTP/1.1\r\nST: ssdp:all\r\n\r\n").is_empty());
    }

    holds!(NOTIFY, parse);
}
