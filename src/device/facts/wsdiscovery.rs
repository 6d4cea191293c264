//! ONVIF's discovery: WS-Discovery (SOAP) over UDP port 3702, multicast 239.255.255.250 and `ff02::c`.
//!
//! `Hello` and `ProbeMatches` list scopes; those under `onvif://www.onvif.org/` tell name, hardware, location and type
//! (ONVIF Core Specification, section 7.3.2.2). Printers and Windows machines speak WS-Discovery too, of other types.

use super::super::DeviceKind;
use super::{Certainty, Field, Sighting, Source, own_mac, xml};

/// The port of questions and answers.
pub const PORT: u16 = 3702;

const SCOPE: &str = "onvif://www.onvif.org/";

/// What a datagram says.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    if !bytes.contains(&b'<') {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::WsDiscovery);
    let (mut types, mut scopes, mut announces) = (String::new(), String::new(), false);
    xml::read(bytes, |name, text| {
        match (name, text) {
            ("Types", Some(text)) => types.push_str(text),
            ("Scopes", Some(text)) => scopes.push_str(text),
            ("ProbeMatches" | "Hello" | "ResolveMatches", None) => announces = true,
            _ => {}
        }
        true
    });
    if !announces {
        return Vec::new();
    }
    let onvif = scopes.contains(SCOPE);
    for scope in scopes.split_whitespace().take(64) {
        let Some((key, value)) = scope.strip_prefix(SCOPE).and_then(|rest| rest.split_once('/')) else { continue };
        let value = decoded(value);
        match key.to_lowercase().as_str() {
            "hardware" => sighting.model(&value, Certainty::Sure),
            "name" => {
                sighting.brand_words(&value);
                sighting.text(Field::Name, &value, Certainty::Likely);
            }
            // Scopes have no order, and devices say `city/X` or `country/china` where nobody has set any.
            "location" if value != "country/china" => {
                let value = value.strip_prefix("city/").or_else(|| value.strip_prefix("country/")).unwrap_or(&value);
                sighting.text(Field::Location, value, Certainty::Likely);
            }
            "type" => match value.to_lowercase().as_str() {
                "network_video_transmitter" | "nvt" | "video_encoder" => {
                    sighting.kind_is(DeviceKind::Camera, Certainty::Likely);
                }
                "network_video_storage" | "network_video_recorder" | "nvs" => {
                    sighting.kind_is(DeviceKind::Recorder, Certainty::Likely);
                }
                _ => {}
            },
            "mac" | "macaddr" => sighting.mac = own_mac(&value),
            "serial" => sighting.text(Field::Serial, &value, Certainty::Sure),
            _ => {}
        }
    }
    if types.contains("NetworkVideoTransmitter") {
        sighting.kind_is(DeviceKind::Camera, Certainty::Likely);
    } else if types.contains("NetworkVideoStorage") {
        sighting.kind_is(DeviceKind::Recorder, Certainty::Likely);
    } else if !onvif && (types.contains("PrintDeviceType") || types.contains("Computer")) {
        sighting.kind_is(DeviceKind::Other, Certainty::Sure);
    }
    sighting.into_list()
}

/// Percent encoding undone (RFC 3986, section 2.1); what is broken stays.
fn decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        rest = behind;
        let hex = |at: usize| behind.get(at).and_then(|digit| char::from(*digit).to_digit(16));
        match (byte, hex(0), hex(1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                rest = behind.get(2..).unwrap_or_default();
            }
            _ => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    const MATCH: &[u8] = br#"<?xml version="1.0" encoding="UTF-8"?><env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope"
        xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl"><env:Body>
        <d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types><d:Scopes>onvif://www.onvif.org/type/video_encoder
        onvif://www.onvif.org/Profile/Streaming onvif://www.onvif.org/hardware/P3245-LVE onvif://www.onvif.org/name/AXIS%20P3245-LVE
        onvif://www.onvif.org/location/city/car%20park</d:Scopes><d:XAddrs>http://10.0.0.9/onvif/device_service</d:XAddrs>
        </d:ProbeMatch></d:ProbeMatches></env:Body></env:Envelope>"#;

    #[test]
    fn scopes_tell_name_hardware_and_location() {
        let [found] = &parse(MATCH)[..] else { panic!() };
        assert_eq!(texts(found, Field::Model), ["P3245-LVE"]);
        assert_eq!(texts(found, Field::Name), ["AXIS P3245-LVE"]);
        assert_eq!(texts(found, Field::Location), ["car park"]);
        assert_eq!(texts(found, Field::Maker), ["axis"]);
        assert_eq!(found.kind(), Some((DeviceKind::Camera, Certainty::Likely)));
    }

    #[test]
    fn a_question_says_nothing_and_a_printer_is_no_camera() {
        let text = String::from_utf8_lossy(MATCH);
        assert!(parse(text.replace("ProbeMatches", "Probe").as_bytes()).is_empty());
        let printer = "<s:Envelope xmlns:s='s'><s:Body><d:Hello xmlns:d='d'><d:Types>wsdp:Device wprt:PrintDeviceType</d:Types>\
                       </d:Hello></s:Body></s:Envelope>";
        assert_eq!(parse(printer.as_bytes())[0].kind(), Some((DeviceKind::Other, Certainty::Sure)));
    }

    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(decoded("a%20b%C3%A9%zz%2"), "a bé%zz%2");
    }

    holds!(MATCH, parse);
}
