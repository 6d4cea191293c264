//! What devices say about themselves, as the public descriptions of each protocol have it.

use std::net::Ipv4Addr;

use etherparse::PacketBuilder;

use super::frames::Host;
use crate::net::Mac;

/// A device's own facts, as it states them.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) model: &'static str,
    pub(super) serial: String,
    pub(super) firmware: &'static str,
    pub(super) name: String,
    /// Who sells it, where the device says so.
    pub(super) brand: Option<&'static str>,
    pub(super) channels: u32,
}

fn dashed(mac: Mac) -> String {
    mac.to_string().replace(':', "-")
}

/// SADP's answer, and announcement.
pub(super) fn sadp(mac: Mac, address: Ipv4Addr, facts: &Facts, boot_second: u64) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ProbeMatch>\n<Uuid>1F9B2A6C-4E1D-4F5A-9C3E-7A2B5D8E0C11</Uuid>\n\
         <Types>inquiry</Types>\n<DeviceType>139280</DeviceType>\n<DeviceDescription>{}</DeviceDescription>\n\
         <DeviceSN>{}</DeviceSN>\n<CommandPort>8000</CommandPort>\n<HttpPort>80</HttpPort>\n<MAC>{}</MAC>\n\
         <IPv4Address>{address}</IPv4Address>\n<IPv4SubnetMask>255.255.255.0</IPv4SubnetMask>\n<DHCP>true</DHCP>\n\
         <AnalogChannelNum>0</AnalogChannelNum>\n<DigitalChannelNum>{}</DigitalChannelNum>\n\
         <SoftwareVersion>{}</SoftwareVersion>\n<BootTime>2015-04-01 09:00:{:02}</BootTime>\n<Activated>true</Activated>\n\
         <OEMInfo>{}</OEMInfo>\n</ProbeMatch>\n",
        facts.model,
        facts.serial,
        dashed(mac),
        facts.channels,
        facts.firmware,
        boot_second % 60,
        facts.brand.unwrap_or("N/A"),
    )
    .into_bytes()
}

/// DHIP's answer, and announcement.
pub(super) fn dhip(mac: Mac, address: Ipv4Addr, class: &str, facts: &Facts) -> Vec<u8> {
    let json = serde_json::json!({
        "mac": mac.to_string(), "method": "client.notifyDevInfo",
        "params": { "deviceInfo": {
            "AlarmInputChannels": 0, "AlarmOutputChannels": 0, "DeviceClass": class, "DeviceType": facts.model,
            "HttpPort": 80, "Port": 37777, "MachineName": facts.name, "Manufacturer": "Private",
            "IPv4Address": { "DefaultGateway": "10.40.0.1", "DhcpEnable": true, "IPAddress": address.to_string(),
                             "SubnetMask": "255.255.0.0" },
            "RemoteVideoInputChannels": facts.channels - 1, "VideoInputChannels": 1, "SerialNo": facts.serial,
            "Vendor": facts.brand.unwrap_or("Private"), "Version": facts.firmware,
        }},
    })
    .to_string();
    let length = (json.len() as u32).to_le_bytes();
    let mut bytes = b"\x20\0\0\0DHIP\0\0\0\0\0\0\0\0".to_vec();
    bytes.extend(length);
    bytes.extend([0; 4]);
    bytes.extend(length);
    bytes.extend([0; 4]);
    bytes.extend(json.as_bytes());
    bytes
}

/// ONVIF's `ProbeMatches`; `mac` stands among the scopes where the device states it.
pub(super) fn probe_match(kind: &str, name: &str, hardware: &str, address: Ipv4Addr, mac: Option<Mac>) -> Vec<u8> {
    let own = mac.map_or(String::new(), |mac| format!(" onvif://www.onvif.org/MAC/{mac}"));
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://www.w3.org/2003/05/soap-envelope\" \
         xmlns:d=\"http://schemas.xmlsoap.org/ws/2005/04/discovery\" xmlns:dn=\"http://www.onvif.org/ver10/network/wsdl\">\
         <SOAP-ENV:Body><d:ProbeMatches><d:ProbeMatch><d:Types>dn:NetworkVideoTransmitter</d:Types>\
         <d:Scopes>onvif://www.onvif.org/type/{kind} onvif://www.onvif.org/hardware/{hardware} \
         onvif://www.onvif.org/name/{}{own} onvif://www.onvif.org/location/city/car%20park</d:Scopes>\
         <d:XAddrs>http://{address}/onvif/device_service</d:XAddrs></d:ProbeMatch></d:ProbeMatches></SOAP-ENV:Body>\
         </SOAP-ENV:Envelope>",
        name.replace(' ', "%20")
    )
    .into_bytes()
}

/// A DHCP message: of the client a request, of the server the acknowledgement of `given`.
pub(super) fn dhcp(mac: Mac, given: Option<Ipv4Addr>, name: &str, class: &str) -> Vec<u8> {
    let mut bytes = vec![0; 240];
    bytes[..3].copy_from_slice(&[1 + u8::from(given.is_some()), 1, 6]);
    bytes[16..20].copy_from_slice(&given.unwrap_or(Ipv4Addr::UNSPECIFIED).octets());
    bytes[28..34].copy_from_slice(&mac.0);
    bytes[236..].copy_from_slice(&[99, 130, 83, 99]);
    let mut option = |code: u8, value: &[u8]| {
        bytes.extend([code, value.len() as u8]);
        bytes.extend(value);
    };
    if given.is_some() {
        option(53, &[5]);
    } else {
        option(53, &[3]);
        option(12, name.as_bytes());
        if !class.is_empty() {
            option(60, class.as_bytes());
        }
        option(55, &[1, 3, 6, 15, 42]);
    }
    bytes.push(255);
    bytes
}

/// An SSDP announcement.
pub(super) fn notify(address: Ipv4Addr, server: &str, kind: &str) -> Vec<u8> {
    format!(
        "NOTIFY * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nCACHE-CONTROL: max-age=1800\r\nLOCATION: http://{address}:49152/d.xml\r\n\
         NT: {kind}\r\nNTS: ssdp:alive\r\nSERVER: {server}\r\nUSN: uuid:2fac1234-31f8-11b4-a222-08002b34c003::{kind}\r\n\r\n"
    )
    .into_bytes()
}

/// An mDNS response (RFC 6762): a service, its TXT record with the MAC address, and the host.
pub(super) fn mdns(service: &str, instance: &str, host: &str, mac: Mac, address: Ipv4Addr) -> Vec<u8> {
    fn name(labels: &[&str]) -> Vec<u8> {
        let mut out: Vec<u8> =
            labels.iter().flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat()).collect();
        out.push(0);
        out
    }
    fn record(name: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
        let rest = [&kind.to_be_bytes()[..], &[0x80, 1, 0, 0, 0, 120], &(data.len() as u16).to_be_bytes()].concat();
        [name, &rest, data].concat()
    }
    let instance = name(&[instance, service, "_tcp", "local"]);
    let hexadecimal = mac.to_string().replace(':', "").to_uppercase();
    let text = format!("macaddress={hexadecimal}");
    let text = [&[text.len() as u8], text.as_bytes()].concat();
    [
        vec![0, 0, 0x84, 0, 0, 0, 0, 3, 0, 0, 0, 0],
        record(&name(&[service, "_tcp", "local"]), 12, &instance),
        record(&instance, 16, &text),
        record(&name(&[host, "local"]), 1, &address.octets()),
    ]
    .concat()
}

/// An LLMNR response (RFC 4795): the host's name and address.
pub(super) fn llmnr(name: &str, address: Ipv4Addr) -> Vec<u8> {
    let mut message = super::frames::dns(7, name, Some(address));
    message[2..4].copy_from_slice(&[0x80, 0]);
    message
}

/// An LLDP frame (IEEE 802.1AB) with the serial number in its inventory (ANSI/TIA-1057).
pub(super) fn lldp(mac: Mac, address: Ipv4Addr, name: &str, description: &str, serial: &str) -> Vec<u8> {
    let element = |kind: u8, value: &[u8]| [&[kind << 1, value.len() as u8], value].concat();
    let own = |kind: u8| [&[kind][..], &mac.0].concat();
    [
        vec![0x01, 0x80, 0xc2, 0, 0, 0x0e],
        mac.0.to_vec(),
        vec![0x88, 0xcc],
        element(1, &own(4)),
        element(2, &own(3)),
        element(3, &[0, 120]),
        element(5, name.as_bytes()),
        element(6, description.as_bytes()),
        element(7, &[0, 128, 0, 128]),
        element(8, &[&[5, 1][..], &address.octets(), &[2, 0, 0, 0, 1, 0]].concat()),
        element(127, &[&[0, 0x12, 0xbb, 8][..], serial.as_bytes()].concat()),
        vec![0, 0],
    ]
    .concat()
}

/// A gratuitous ARP announcement (RFC 5227).
pub(super) fn arp(host: &Host) -> Vec<u8> {
    let (mac, address) = (host.mac.0, host.address.octets());
    let body = [&[0, 1, 8, 0, 6, 4, 0, 1][..], &mac, &address, &[0; 6], &address].concat();
    [&[0xff; 6][..], &mac, &[8, 6], &body].concat()
}

/// A datagram that a client without an address broadcasts.
pub(super) fn broadcast(mac: Mac, ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let builder = PacketBuilder::ethernet2(mac.0, [0xff; 6]).ipv4([0; 4], [255; 4], 64).udp(ports.0, ports.1);
    let mut frame = Vec::with_capacity(builder.size(payload.len()));
    builder.write(&mut frame, payload).unwrap_or_default();
    frame
}

/// The session description of a camera (RFC 8866).
pub(super) fn described(server: &str, name: &str, address: Ipv4Addr) -> Vec<u8> {
    let body = format!("v=0\r\no=- 1 1 IN IP4 {address}\r\ns={name}\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n");
    format!(
        "RTSP/1.0 200 OK\r\nCSeq: 2\r\nServer: {server}\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
