//! Multicast DNS and service discovery (RFC 6762, RFC 6763), UDP port 5353; LLMNR (RFC 4795), UDP port 5355.
//!
//! Answers name services (`AXIS P3245-LVE - ACCC8E010203._rtsp._tcp.local`), what runs them (TXT) and hosts.

use hickory_proto::op::{Message, MessageType};
use hickory_proto::rr::{Name, RData, Record};

use super::super::DeviceKind::{self, Camera, Other, Recorder};
use super::text::lossy;
use super::{Certainty, Field, Sighting, Source, own_mac};

/// The port of multicast DNS.
pub const PORT: u16 = 5353;
/// The port of LLMNR.
pub const LLMNR_PORT: u16 = 5355;

/// Records of one message that are looked at.
const MAX_RECORDS: usize = 128;

/// Services that only some kinds of devices announce.
const SERVICES: &[(&str, DeviceKind, Certainty)] = &[
    ("_axis-video", Camera, Certainty::Sure),
    ("_axis-nvr", Recorder, Certainty::Sure),
    ("_onvif", Camera, Certainty::Likely),
    ("_psia", Camera, Certainty::Likely),
    ("_cgi", Camera, Certainty::Unverified),
    ("_rtsp", Camera, Certainty::Unverified),
    ("_nvr", Recorder, Certainty::Likely),
    ("_dvr", Recorder, Certainty::Unverified),
    ("_printer", Other, Certainty::Sure),
    ("_ipp", Other, Certainty::Sure),
    ("_ipps", Other, Certainty::Sure),
    ("_pdl-datastream", Other, Certainty::Sure),
    ("_workstation", Other, Certainty::Likely),
    ("_smb", Other, Certainty::Likely),
    ("_afpovertcp", Other, Certainty::Likely),
    ("_companion-link", Other, Certainty::Likely),
    ("_airplay", Other, Certainty::Likely),
    ("_raop", Other, Certainty::Likely),
    ("_googlecast", Other, Certainty::Likely),
    ("_device-info", Other, Certainty::Unverified),
];

/// What an mDNS message says about its sender.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    // The response bit is looked at first: most messages on a network are questions.
    if bytes.get(2).is_none_or(|flags| flags & 0x80 == 0) {
        return Vec::new();
    }
    let Ok(message) = Message::from_vec(bytes) else { return Vec::new() };
    if message.metadata.message_type != MessageType::Response {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Mdns);
    let records = message.answers.iter().chain(&message.additionals).take(MAX_RECORDS);
    for record in records {
        take(&mut sighting, record);
    }
    sighting.into_list()
}

fn label(name: &Name, at: usize) -> Option<String> {
    name.iter().nth(at).map(|label| lossy(label, 63))
}

fn take(sighting: &mut Sighting, record: &Record) {
    let name = &record.name;
    match &record.data {
        RData::PTR(pointer) => {
            // `_rtsp._tcp.local` points at `INSTANCE._rtsp._tcp.local`.
            let (Some(service), Some(instance)) = (label(name, 0), label(&pointer.0, 0)) else { return };
            if !service.starts_with('_') {
                return;
            }
            let kind = SERVICES.iter().find(|(known, ..)| service.eq_ignore_ascii_case(known));
            let Some(&(_, kind, certainty)) = kind else { return };
            sighting.kind_is(kind, certainty);
            instance_name(sighting, &instance, kind == Camera || kind == Recorder);
        }
        RData::TXT(text) => {
            for entry in text.txt_data.iter().take(32) {
                let entry = lossy(entry, 255);
                let Some((key, value)) = entry.split_once('=') else { continue };
                match key.to_lowercase().as_str() {
                    "macaddress" | "mac" => sighting.mac = sighting.mac.or_else(|| own_mac(value)),
                    "model" | "md" | "ty" | "usb_mdl" => sighting.model(value, Certainty::Likely),
                    "serial" | "serialnumber" | "sn" => sighting.text(Field::Serial, value, Certainty::Likely),
                    "manufacturer" | "vendor" => sighting.brand_words(value),
                    "fw" | "firmware" | "fwver" => sighting.text(Field::Firmware, value, Certainty::Likely),
                    _ => {}
                }
            }
        }
        RData::A(_) | RData::AAAA(_) => {
            if let Some(host) = label(name, 0) {
                sighting.text(Field::Name, &host, Certainty::Likely);
            }
        }
        _ => {}
    }
}

/// `AXIS P3245-LVE - ACCC8E010203`: model, and serial number behind the dash.
fn instance_name(sighting: &mut Sighting, instance: &str, watched: bool) {
    sighting.brand_words(instance);
    if watched && let Some((model, serial)) = instance.split_once(" - ") {
        sighting.model(model, Certainty::Likely);
        if serial.len() >= 6 && serial.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            sighting.text(Field::Serial, serial, Certainty::Likely);
            sighting.mac = sighting.mac.or_else(|| own_mac(serial));
        }
    }
}

/// What an LLMNR response says: the name of its sender. Windows machines speak it.
pub fn parse_llmnr(bytes: &[u8]) -> Vec<Sighting> {
    if bytes.get(2).is_none_or(|flags| flags & 0x80 == 0) {
        return Vec::new();
    }
    let Ok(message) = Message::from_vec(bytes) else { return Vec::new() };
    let mut sighting = Sighting::new(Source::Llmnr);
    let named = message.answers.iter().find(|record| matches!(record.data, RData::A(_) | RData::AAAA(_)));
    if let Some(host) = named.and_then(|record| label(&record.name, 0)) {
        sighting.text(Field::Name, &host, Certainty::Likely);
        sighting.kind_is(Other, Certainty::Unverified);
    }
    sighting.into_list()
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    /// A response with one PTR, TXT and A record, uncompressed.
    fn response() -> Vec<u8> {
        fn name(labels: &[&str]) -> Vec<u8> {
            let mut out = Vec::new();
            for label in labels {
                out.push(label.len() as u8);
                out.extend(label.as_bytes());
            }
            out.push(0);
            out
        }
        fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
            let mut out = name.to_vec();
            out.extend(kind.to_be_bytes());
            out.extend([0x80, 1, 0, 0, 0, 120]);
            out.extend((data.len() as u16).to_be_bytes());
            out.extend(data);
            out
        }
        let instance = name(&["AXIS P3245-LVE - ACCC8E010203", "_axis-video", "_tcp", "local"]);
        let mut out = vec![0, 0, 0x84, 0, 0, 0, 0, 3, 0, 0, 0, 0];
        out.extend(record(&name(&["_axis-video", "_tcp", "local"]), 12, &instance));
        out.extend(record(&instance, 16, b"\x17macaddress=ACCC8E010203"));
        out.extend(record(&name(&["axis-accc8e010203", "local"]), 1, &[10, 0, 0, 9]));
        out
    }

    #[test]
    fn a_service_tells_kind_model_and_serial() {
        let [found] = &parse(&response())[..] else { panic!() };
        assert_eq!(found.kind(), Some((Camera, Certainty::Sure)));
        assert_eq!(found.mac, "ac:cc:8e:01:02:03".parse().ok());
        assert_eq!(texts(found, Field::Model), ["AXIS P3245-LVE"]);
        assert_eq!(texts(found, Field::Serial), ["ACCC8E010203"]);
        assert_eq!(texts(found, Field::Name), ["axis-accc8e010203"]);
    }

    #[test]
    fn a_question_says_nothing() {
        let mut question = response();
        question[2] = 0;
        assert!(parse(&question).is_empty());
        assert_eq!(texts(&parse_llmnr(&response())[0], Field::Name), ["axis-accc8e010203"]);
    }

    holds!(&response(), |bytes: &[u8]| [parse(bytes), parse_llmnr(bytes)].concat());
}
