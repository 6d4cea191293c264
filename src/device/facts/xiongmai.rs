//! Xiongmai's discovery (DVRIP, Sofia): a header of 20 bytes and JSON, over UDP port 34569.
//!
//! Message 1530 asks, 1531 answers with `NetWork.NetCommon`: host name, address (hexadecimal, the first octet last), MAC
//! address, serial number, channels.

use std::net::{IpAddr, Ipv4Addr};

use serde_json::Value;

use super::super::DeviceKind;
use super::{Certainty, Field, Sighting, Source, own_mac};

/// The port of questions and answers.
pub const PORT: u16 = 34569;

/// What a datagram says.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    let [0xff, _, _, _, _, _, _, _, _, _, _, _, _, _, 0xfb, 0x05, _, _, _, _, body @ ..] = bytes else {
        return Vec::new();
    };
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let Some(Ok(message)) = values.next() else { return Vec::new() };
    let Some(info) = message.get("NetWork.NetCommon").filter(|info| info.is_object()) else { return Vec::new() };
    let text = |key: &str| info.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());

    let mut sighting = Sighting::new(Source::Xiongmai);
    sighting.mac = text("MAC").and_then(own_mac);
    sighting.address = text("HostIP").and_then(address);
    sighting.text(Field::Maker, "xiongmai", Certainty::Sure);
    if let Some(serial) = text("SN") {
        sighting.text(Field::Serial, serial, Certainty::Sure);
    }
    // The factory's name says nothing.
    if let Some(name) = text("HostName").filter(|name| !matches!(*name, "LocalHost" | "localhost")) {
        sighting.text(Field::Name, name, Certainty::Sure);
    }
    if let Some(version) = text("Version").or_else(|| text("BuildDate")) {
        sighting.text(Field::Firmware, version, Certainty::Sure);
    }
    let channels = info.get("ChannelNum").and_then(Value::as_u64).unwrap_or(1);
    let kind = if channels >= 4 { DeviceKind::Recorder } else { DeviceKind::Camera };
    sighting.kind_is(kind, Certainty::Likely);
    sighting.into_list()
}

fn address(text: &str) -> Option<IpAddr> {
    let value = u32::from_str_radix(text.strip_prefix("0x")?, 16).ok()?;
    let address = Ipv4Addr::from(value.to_le_bytes());
    (!address.is_unspecified() && !address.is_multicast()).then_some(IpAddr::V4(address))
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    fn framed(json: &str) -> Vec<u8> {
        let mut bytes = vec![0xff, 1, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xfb, 5];
        bytes.extend((json.len() as u32).to_le_bytes());
        bytes.extend(json.as_bytes());
        bytes.extend(b"\n\0");
        bytes
    }

    const JSON: &str = r#"{"NetWork.NetCommon":{"ChannelNum":1,"DeviceType":1,"GateWay":"0x0101A8C0","HostIP":"0x0A01A8C0",
        "HostName":"yard","HttpPort":80,"MAC":"00:12:16:aa:bb:cc","MonMode":"TCP","SN":"0123456789abcdef","SSLPort":8443,
        "TCPPort":34567,"UDPPort":34568},"Ret":100,"SessionID":"0x00000000"}"#;

    #[test]
    fn an_answer_tells_everything() {
        let [found] = &parse(&framed(JSON))[..] else { panic!() };
        assert_eq!(found.mac, "00:12:16:aa:bb:cc".parse().ok());
        assert_eq!(found.address, "192.168.1.10".parse().ok());
        assert_eq!(found.kind(), Some((DeviceKind::Camera, Certainty::Likely)));
        assert_eq!(texts(found, Field::Serial), ["0123456789abcdef"]);
        assert_eq!(texts(found, Field::Name), ["yard"]);
    }

    #[test]
    fn channels_make_a_recorder() {
        let json = JSON.replace("\"ChannelNum\":1", "\"ChannelNum\":8");
        assert_eq!(parse(&framed(&json))[0].kind().map(|(kind, _)| kind), Some(DeviceKind::Recorder));
    }

    holds!(&framed(JSON), parse);
}
