//! Dahua's discovery (DHIP): a header of 32 bytes and JSON, over UDP port 37810, multicast 239.255.255.251.
//!
//! `DHDiscover.search` asks; a device answers by `client.notifyDevInfo`, whose `deviceInfo` tells class, model, serial
//! number, version and vendor. `Vendor` and `Manufacturer` are `Private` or `General` on devices sold without a brand.

use serde_json::Value;

use super::super::DeviceKind;
use super::{Certainty, Field, Sighting, Source, own_address, own_mac};

/// The port of questions and answers.
pub const PORT: u16 = 37810;

const HEADER: usize = 32;

/// What a datagram says.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    if bytes.get(4..8) != Some(b"DHIP") {
        return Vec::new();
    }
    // What stands behind the JSON is padding; the lengths of the header need not be believed to find its end.
    let body = bytes.get(HEADER..).unwrap_or_default();
    let mut values = serde_json::Deserializer::from_slice(body).into_iter::<Value>();
    let Some(Ok(message)) = values.next() else { return Vec::new() };
    let Some(info) = message.pointer("/params/deviceInfo").filter(|info| info.is_object()) else { return Vec::new() };
    let text = |key: &str| info.get(key).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let number = |key: &str| info.get(key).and_then(Value::as_u64).unwrap_or(0);

    let mut sighting = Sighting::new(Source::Dhip);
    sighting.mac = message.get("mac").and_then(Value::as_str).or_else(|| text("Mac")).and_then(own_mac);
    sighting.address = info.pointer("/IPv4Address/IPAddress").and_then(Value::as_str).and_then(own_address);
    // Nobody else speaks it: the firmware is Dahua's, whoever sells the device.
    sighting.text(Field::Maker, "dahua", Certainty::Sure);
    match text("DeviceClass") {
        Some("IPC" | "SD" | "TPC" | "PTZ") => sighting.kind_is(DeviceKind::Camera, Certainty::Sure),
        Some("NVR" | "HCVR" | "XVR" | "DVR" | "EVS" | "NVS" | "NVSS" | "MNVR") => {
            sighting.kind_is(DeviceKind::Recorder, Certainty::Sure);
        }
        Some(class) if class.starts_with("VTO") || class.starts_with("VTH") || class.starts_with("VTA") => {
            sighting.kind_is(DeviceKind::Doorstation, Certainty::Sure);
        }
        Some("ASI" | "ASC" | "ARC" | "SW") => sighting.kind_is(DeviceKind::Other, Certainty::Sure),
        _ if number("RemoteVideoInputChannels") + number("VideoInputChannels") >= 4 => {
            sighting.kind_is(DeviceKind::Recorder, Certainty::Likely);
        }
        _ => {}
    }
    if let Some(model) = text("DeviceType") {
        sighting.model(model, Certainty::Sure);
    }
    if let Some(serial) = text("SerialNo") {
        sighting.text(Field::Serial, serial, Certainty::Sure);
    }
    if let Some(version) = text("Version") {
        sighting.text(Field::Firmware, version, Certainty::Sure);
    }
    // Left as it comes from the factory, the machine's name is its serial number.
    if let Some(name) = text("MachineName").filter(|name| text("SerialNo") != Some(name)) {
        sighting.text(Field::Name, name, Certainty::Sure);
    }
    let nameless = |vendor: &&str| !matches!(*vendor, "Private" | "General");
    if let Some(vendor) = text("Vendor").filter(nameless).or_else(|| text("Manufacturer").filter(nameless)) {
        sighting.text(Field::Brand, &vendor.to_lowercase(), Certainty::Sure);
    }
    if sighting.kind().is_none() {
        sighting.kind_is(DeviceKind::Camera, Certainty::Likely);
    }
    sighting.into_list()
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    fn framed(json: &str) -> Vec<u8> {
        let mut bytes = b"\x20\0\0\0DHIP".to_vec();
        bytes.resize(HEADER, 0);
        bytes.extend(json.as_bytes());
        bytes.extend(b"\n\0");
        bytes
    }

    const JSON: &str = r#"{"mac":"3c:ef:8c:41:6c:ce","method":"client.notifyDevInfo","params":{"deviceInfo":{
        "AlarmInputChannels":0,"DeviceClass":"IPC","DeviceType":"IPC-HDW2431T","Find":"BD","HttpPort":80,
        "IPv4Address":{"DefaultGateway":"192.168.1.1","DhcpEnable":true,"IPAddress":"192.168.1.108","SubnetMask":"255.255.255.0"},
        "MachineName":"gate","Manufacturer":"Private","Port":37777,"RemoteVideoInputChannels":0,"SerialNo":"6G0ABCDE",
        "Vendor":"Lorex","Version":"2.800.0000000.25.R","VideoInputChannels":1}}}"#;

    #[test]
    fn an_answer_tells_everything() {
        let [found] = &parse(&framed(JSON))[..] else { panic!() };
        assert_eq!(found.mac, "3c:ef:8c:41:6c:ce".parse().ok());
        assert_eq!(found.address, "192.168.1.108".parse().ok());
        assert_eq!(found.kind(), Some((DeviceKind::Camera, Certainty::Sure)));
        assert_eq!(texts(found, Field::Model), ["IPC-HDW2431T"]);
        assert_eq!(texts(found, Field::Serial), ["6G0ABCDE"]);
        assert_eq!(texts(found, Field::Brand), ["lorex"]);
        assert_eq!(texts(found, Field::Maker), ["dahua"]);
        assert_eq!(texts(found, Field::Name), ["gate"]);
    }

    #[test]
    fn the_class_tells_recorders_and_door_stations() {
        let kind = |class: &str| {
            let json = JSON.replace("\"IPC\"", &format!("\"{class}\"")).replace("IPC-HDW2431T", "X1");
            parse(&framed(&json))[0].kind().map(|(kind, _)| kind)
        };
        assert_eq!(kind("NVR"), Some(DeviceKind::Recorder));
        assert_eq!(kind("VTO"), Some(DeviceKind::Doorstation));
    }

    #[test]
    fn nested_and_foreign_json_says_nothing() {
        assert!(parse(&framed(&"[".repeat(50_000))).is_empty());
        assert!(parse(&framed("{\"method\":\"DHDiscover.search\",\"params\":{\"mac\":\"\",\"uni\":1}}")).is_empty());
        assert!(parse(b"{\"params\":{\"deviceInfo\":{}}}").is_empty(), "no header");
    }

    holds!(&framed(JSON), parse);
}
