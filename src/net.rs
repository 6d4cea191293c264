//! Addresses as the network writes them: MAC addresses, services, and which address space an address is from.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// An IEEE 802 MAC address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mac(pub [u8; 6]);

/// As one word, where the derived one would feed a length and six bytes.
impl std::hash::Hash for Mac {
    #[inline]
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        state.write_u64(self.bits());
    }
}

impl Mac {
    /// The address in the lower 48 bits.
    #[inline]
    pub const fn bits(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// Whether the group bit is set (multicast or broadcast): never a device's own address.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 == 1
    }

    /// Whether the address was made up locally (randomised, virtual): its prefix names no maker.
    pub const fn is_local(self) -> bool {
        self.0[0] & 2 == 2
    }

    /// Whether every byte is zero, as tools write it that know no address.
    pub const fn is_zero(self) -> bool {
        matches!(self.0, [0, 0, 0, 0, 0, 0])
    }
}

impl fmt::Display for Mac {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

/// What was wrong with a text that should have been a MAC address.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no MAC address: write twelve hex digits, as in 44:19:b6:00:00:01")]
pub struct ParseMacError(String);

impl FromStr for Mac {
    type Err = ParseMacError;

    /// Reads `44:19:b6:00:00:01`, `44-19-B6-00-00-01`, `4419.b600.0001` and `4419b6000001`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseMacError(text.to_owned());
        let digits: Vec<u8> = text.bytes().filter(|b| !matches!(b, b':' | b'-' | b'.')).collect();
        if digits.len() != 12 || text.len() > 17 {
            return Err(wrong());
        }
        let mut bytes = [0; 6];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl serde::Serialize for Mac {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Mac {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// Reads back what is written as text.
fn from_text<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: FromStr<Err: fmt::Display>,
{
    let text = <String as serde::Deserialize>::deserialize(deserializer)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// The part of the network in which an address is one device's: all of it, or a VLAN, or what one interface shows.
///
/// Written behind an address as zones are (RFC 4007, section 11): `10.0.0.5%vlan12`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, serde::Deserialize)]
pub enum Segment {
    /// Addresses are told apart by themselves alone.
    #[default]
    Whole,
    /// An 802.1Q VLAN, by its identifier; 0 for frames without a tag.
    Vlan(u16),
    /// A capture interface, by its number.
    Interface(u16),
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole => Ok(()),
            Self::Vlan(id) => write!(f, "vlan{id}"),
            Self::Interface(number) => write!(f, "if{number}"),
        }
    }
}

impl Segment {
    /// A number of its own in the lower 17 bits.
    #[inline]
    pub const fn bits(self) -> u64 {
        match self {
            Self::Whole => 0,
            Self::Vlan(id) => id as u64 + 1,
            Self::Interface(number) => number as u64 | 0x1_0000,
        }
    }

    /// An address as it is written within this segment.
    pub fn scoped(self, address: IpAddr) -> String {
        match self {
            Self::Whole => address.to_string(),
            other => format!("{address}%{other}"),
        }
    }
}

/// The transport over which a camera calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP or ICMPv6 echo.
    Icmp,
}

/// A transport and the port that is called there (0 for ICMP): `tcp/443`, `udp/123`, `icmp`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Service {
    /// The transport.
    pub protocol: Protocol,
    /// The called port, 0 for ICMP.
    pub port: u16,
}

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.protocol {
            Protocol::Tcp => write!(f, "tcp/{}", self.port),
            Protocol::Udp => write!(f, "udp/{}", self.port),
            Protocol::Icmp => write!(f, "icmp"),
        }
    }
}

/// What was wrong with a text that should have been a service.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("`{0}` is no service: write tcp/443, udp/123 or icmp")]
pub struct ParseServiceError(String);

impl FromStr for Service {
    type Err = ParseServiceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ParseServiceError(text.to_owned());
        let (protocol, port) = match text.split_once('/') {
            Some(("tcp", port)) => (Protocol::Tcp, port),
            Some(("udp", port)) => (Protocol::Udp, port),
            None if text == "icmp" => (Protocol::Icmp, "0"),
            _ => return Err(wrong()),
        };
        Ok(Self { protocol, port: port.parse().map_err(|_| wrong())? })
    }
}

impl serde::Serialize for Service {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Service {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        from_text(deserializer)
    }
}

/// Whether an address is globally routable, and if not, why not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Globally routable: it has a country and an owner.
    Global,
    /// RFC 1918, unique local (RFC 4193), CGNAT (RFC 6598), loopback and link-local.
    Private,
    /// Multicast and broadcast.
    Multicast,
    /// Documentation, benchmarking, unspecified and other ranges that nobody is at.
    Reserved,
}

/// Which space an address is from (IANA special-purpose registries, RFC 6890 and its updates).
///
/// An IPv4 address written as IPv6 (`::ffff:a.b.c.d`) is judged as the IPv4 address.
#[inline]
pub fn space(address: IpAddr) -> Space {
    match address {
        IpAddr::V4(v4) => space_v4(v4),
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or_else(|| space_v6(v6), space_v4),
    }
}

#[inline]
fn space_v4(address: Ipv4Addr) -> Space {
    let [a, b, c, _] = address.octets();
    match (a, b, c) {
        (10 | 127, ..) | (172, 16..=31, _) | (192, 168, _) | (169, 254, _) | (100, 64..=127, _) => Space::Private,
        (224..=239, ..) => Space::Multicast,
        (255, 255, 255) if address.is_broadcast() => Space::Multicast,
        (0 | 240..=255, ..) | (192, 0, 0 | 2) | (198, 18 | 19, _) | (198, 51, 100) | (203, 0, 113) => Space::Reserved,
        _ => Space::Global,
    }
}

fn space_v6(address: Ipv6Addr) -> Space {
    let first = address.segments()[0];
    match (first, address.segments()[1]) {
        _ if address.is_loopback() => Space::Private,
        (0xff00..=0xffff, _) => Space::Multicast,
        (0xfc00..=0xfdff | 0xfe80..=0xfeff, _) => Space::Private,
        (0x2001, 0x0db8 | 0x0002) | (0x3fff, 0..=0x0fff) => Space::Reserved,
        (0x2000..=0x3fff, _) | (0x0064, 0xff9b) => Space::Global,
        _ => Space::Reserved,
    }
}

/// What counts as inside: private space, multicast, and the configured ranges.
#[derive(Debug, Clone, Default)]
pub struct InternalRanges {
    ranges: Vec<ipnet::IpNet>,
}

impl InternalRanges {
    /// Private space and `ranges`.
    pub fn new(ranges: Vec<ipnet::IpNet>) -> Self {
        Self { ranges }
    }

    /// The configured ranges, without private space.
    pub fn configured(&self) -> &[ipnet::IpNet] {
        &self.ranges
    }

    /// Whether an address is inside.
    #[inline]
    pub fn contains(&self, address: IpAddr) -> bool {
        matches!(space(address), Space::Private | Space::Multicast)
            || self.ranges.iter().any(|range| range.contains(&address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_usual_way_to_write_a_mac() {
        let mac = Mac([0x44, 0x19, 0xb6, 0, 0, 1]);
        for text in ["44:19:b6:00:00:01", "44-19-B6-00-00-01", "4419.b600.0001", "4419b6000001"] {
            assert_eq!(text.parse(), Ok(mac), "{text}");
        }
        assert_eq!(mac.to_string(), "44:19:b6:00:00:01");
        for text in ["", "44:19:b6:00:00", "44:19:b6:00:00:0g", "é4:19:b6:00:00:1"] {
            assert!(text.parse::<Mac>().is_err(), "{text}");
        }
    }

    #[test]
    fn tells_spaces_apart() {
        for (text, expected) in [
            ("10.1.2.3", Space::Private),
            ("172.15.0.1", Space::Global),
            ("172.31.0.1", Space::Private),
            ("100.64.0.1", Space::Private),
            ("100.128.0.1", Space::Global),
            ("203.0.113.9", Space::Reserved),
            ("255.255.255.255", Space::Multicast),
            ("239.255.255.250", Space::Multicast),
            ("8.8.8.8", Space::Global),
            ("::ffff:10.0.0.1", Space::Private),
            ("fd00::1", Space::Private),
            ("fe80::1", Space::Private),
            ("ff02::c", Space::Multicast),
            ("2001:db8::1", Space::Reserved),
            ("2a00:1450::1", Space::Global),
            ("::1", Space::Private),
            ("::", Space::Reserved),
        ] {
            assert_eq!(space(text.parse().unwrap()), expected, "{text}");
        }
    }
}
