//! Community ID, by which other tools (Zeek, Suricata, Elastic) name the same connection: Corelight's specification,
//! version 1, seed 0.

use std::net::IpAddr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::net::Protocol;

/// The id of a connection between two ends, whichever of them opened it; none for ICMP, whose ports are types.
pub(super) fn of(protocol: Protocol, a: (IpAddr, u16), b: (IpAddr, u16)) -> Option<String> {
    let number: u8 = match protocol {
        Protocol::Tcp => 6,
        Protocol::Udp => 17,
        Protocol::Icmp => return None,
    };
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    let mut ends = [(octets(a.0), a.1), (octets(b.0), b.1)];
    ends.sort();
    let [low, high] = ends;
    let mut hashed = vec![0, 0];
    hashed.extend(low.0);
    hashed.extend(high.0);
    hashed.extend([number, 0]);
    hashed.extend(low.1.to_be_bytes());
    hashed.extend(high.1.to_be_bytes());
    // Named by the specification; it protects nothing.
    let digest = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, &hashed);
    Some(format!("1:{}", STANDARD.encode(digest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_what_the_specification_publishes() {
        // community-id-spec, baseline_deflt.json.
        for (protocol, from, to, expected) in [
            (Protocol::Tcp, "128.232.110.120 34855", "66.35.250.204 80", "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
            (Protocol::Udp, "192.168.1.52 54585", "8.8.8.8 53", "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
            (
                Protocol::Tcp,
                "2001:470:e5bf:dead:4957:2174:e82c:4887 63943",
                "2607:f8b0:400c:c03::1a 25",
                "1:/qFaeAR+gFe1KYjMzVDsMv+wgU4=",
            ),
        ] {
            let end = |text: &str| {
                let (address, port) = text.split_once(' ').unwrap();
                (address.parse().unwrap(), port.parse().unwrap())
            };
            assert_eq!(of(protocol, end(from), end(to)).as_deref(), Some(expected));
            assert_eq!(of(protocol, end(to), end(from)).as_deref(), Some(expected), "the other way round");
        }
        let address = "10.0.0.1".parse().unwrap();
        assert_eq!(of(Protocol::Icmp, (address, 8), (address, 0)), None);
    }
}
