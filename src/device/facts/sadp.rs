//! Hikvision's discovery (SADP): XML over UDP port 37020, multicast 239.255.255.250.
//!
//! `<Probe>` asks; a device answers, and announces itself, by `<ProbeMatch>`. The elements are those that independent
//! open tools for it read. `DeviceDescription` is the model on most devices; some write `IPCamera` there, and begin the
//! serial number with the model, as all do.

use super::super::DeviceKind;
use super::{Certainty, Field, Sighting, Source, own_address, own_mac, xml};

/// The port of questions and answers.
pub const PORT: u16 = 37020;

/// What a datagram says.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    if !looks_like_an_answer(bytes) {
        return Vec::new();
    }
    let mut sighting = Sighting::new(Source::Sadp);
    let (mut description, mut serial) = (None, None);
    let (mut analog, mut digital, mut oem) = (0_u32, 0_u32, None);
    xml::read(bytes, |name, text| {
        let Some(text) = text else { return true };
        match name {
            "MAC" => sighting.mac = sighting.mac.or_else(|| own_mac(text)),
            "IPv4Address" => sighting.address = sighting.address.or_else(|| own_address(text)),
            "DeviceDescription" => description = Some(text.to_owned()),
            "DeviceSN" => serial = Some(text.to_owned()),
            "SoftwareVersion" => sighting.text(Field::Firmware, text, Certainty::Sure),
            "DeviceName" => sighting.text(Field::Name, text, Certainty::Sure),
            "AnalogChannelNum" => analog = text.parse().unwrap_or(0),
            "DigitalChannelNum" => digital = text.parse().unwrap_or(0),
            "OEMInfo" if text != "N/A" => oem = Some(text.to_owned()),
            _ => {}
        }
        true
    });
    if sighting.facts.is_empty() && description.is_none() && serial.is_none() && sighting.mac.is_none() {
        return Vec::new();
    }
    // Nobody else speaks it: the firmware is Hikvision's, whoever sells the device.
    sighting.text(Field::Maker, "hikvision", Certainty::Sure);
    if let Some(model) = model_of(description.as_deref(), serial.as_deref()) {
        sighting.model(model, Certainty::Sure);
    }
    if let Some(serial) = &serial {
        sighting.text(Field::Serial, serial, Certainty::Sure);
    }
    if let Some(oem) = oem {
        sighting.brand_words(&oem);
        if !sighting.facts.iter().any(|fact| matches!(fact.what, super::What::Text(Field::Brand, _))) {
            sighting.text(Field::Brand, &oem.to_lowercase(), Certainty::Likely);
        }
    }
    // A camera has one channel, a few lenses at most; a recorder as many as cameras.
    if analog.saturating_add(digital) >= 4 {
        sighting.kind_is(DeviceKind::Recorder, Certainty::Likely);
    } else if sighting.kind().is_none() {
        sighting.kind_is(DeviceKind::Camera, Certainty::Likely);
    }
    sighting.into_list()
}

fn looks_like_an_answer(bytes: &[u8]) -> bool {
    let head = bytes.get(..512).unwrap_or(bytes);
    head.windows(11).any(|window| window == b"<ProbeMatch")
}

/// The model: what is described, unless that is no model; then what the serial number begins with. Serial numbers are
/// the model, eight digits of a date, and letters and digits.
fn model_of<'t>(description: Option<&'t str>, serial: Option<&'t str>) -> Option<&'t str> {
    let described = description.filter(|text| text.contains('-') || text.contains(|c: char| c.is_ascii_digit()));
    described
        .or_else(|| {
            let serial = serial?;
            let date = serial
                .as_bytes()
                .windows(8)
                .position(|window| window.iter().all(u8::is_ascii_digit) && (window.starts_with(b"20")))?;
            serial.get(..date).filter(|model| !model.is_empty())
        })
        .or(description)
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    const ANSWER: &[u8] =
        b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ProbeMatch>\n<Uuid>1F9B2A6C-4E1D-4F5A-9C3E-7A2B5D8E0C11</Uuid>\
        <Types>inquiry</Types><DeviceType>139280</DeviceType><DeviceDescription>DS-2CD2143G0-I</DeviceDescription>\
        <DeviceSN>DS-2CD2143G0-I20200114AAWRD12345678</DeviceSN><CommandPort>8000</CommandPort><HttpPort>80</HttpPort>\
        <MAC>44-19-b6-ab-cd-ef</MAC><IPv4Address>192.168.1.64</IPv4Address><DHCP>false</DHCP>\
        <AnalogChannelNum>0</AnalogChannelNum><DigitalChannelNum>1</DigitalChannelNum>\
        <SoftwareVersion>V5.5.82build 190910</SoftwareVersion><Activated>true</Activated></ProbeMatch>";

    #[test]
    fn an_answer_tells_everything() {
        let [found] = &parse(ANSWER)[..] else { panic!() };
        assert_eq!(found.mac, "44:19:b6:ab:cd:ef".parse().ok());
        assert_eq!(found.address, "192.168.1.64".parse().ok());
        assert_eq!(texts(found, Field::Model), ["DS-2CD2143G0-I"]);
        assert_eq!(texts(found, Field::Serial), ["DS-2CD2143G0-I20200114AAWRD12345678"]);
        assert_eq!(texts(found, Field::Firmware), ["V5.5.82build 190910"]);
        assert_eq!(texts(found, Field::Maker), ["hikvision"]);
        assert_eq!(found.kind(), Some((DeviceKind::Camera, Certainty::Sure)));
    }

    #[test]
    fn the_model_is_taken_from_the_serial_where_the_description_is_none() {
        let text =
            String::from_utf8_lossy(ANSWER).replace("<DeviceDescription>DS-2CD2143G0-I", "<DeviceDescription>IPCamera");
        assert_eq!(texts(&parse(text.as_bytes())[0], Field::Model), ["DS-2CD2143G0-I"]);
    }

    #[test]
    fn many_channels_are_a_recorders() {
        let text = String::from_utf8_lossy(ANSWER)
            .replace("DS-2CD2143G0-I", "ACME 16")
            .replace("<DigitalChannelNum>1", "<DigitalChannelNum>16");
        assert_eq!(parse(text.as_bytes())[0].kind(), Some((DeviceKind::Recorder, Certainty::Likely)));
    }

    #[test]
    fn a_question_says_nothing_and_a_huge_answer_little() {
        assert!(parse(b"<?xml version=\"1.0\"?><Probe><Uuid>1</Uuid><Types>inquiry</Types></Probe>").is_empty());
        let huge = format!("<ProbeMatch><DeviceDescription>{}</DeviceDescription></ProbeMatch>", "A1".repeat(30_000));
        super::super::check::bounded(&parse(huge.as_bytes()));
    }

    holds!(ANSWER, parse);
}
