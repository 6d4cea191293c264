//! What devices say about themselves: bytes of one message in, [`Sighting`]s out.
//!
//! One file a protocol, each with one public function that takes the bytes of a message. None panics, whatever the
//! bytes; each gives a bounded number of facts of bounded length, with control characters escaped. What a message lacks
//! or has broken costs that fact, not the others.

pub mod dhcp;
pub mod dhip;
pub mod http;
pub mod lldp_cdp;
pub mod mdns;
mod model;
pub mod names;
pub mod rtsp;
pub mod sadp;
pub mod ssdp;
mod text;
pub mod tls_certificate;
pub mod tuya;
pub mod wsdiscovery;
pub mod xiongmai;
mod xml;

use std::fmt;
use std::net::IpAddr;

pub use text::{MAX_TEXT, clean};

use super::DeviceKind;
use super::brand::Brands;
use crate::net::Mac;

/// Facts taken of one message.
pub const MAX_FACTS: usize = 16;
/// Devices taken of one message.
pub const MAX_SIGHTINGS: usize = 8;

/// How a fact is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The IEEE's list of MAC prefixes.
    MacPrefix,
    /// ARP.
    Arp,
    /// IPv6 neighbour discovery.
    Neighbour,
    /// DHCP.
    Dhcp,
    /// Hikvision's discovery.
    Sadp,
    /// Dahua's discovery.
    Dhip,
    /// ONVIF's discovery.
    WsDiscovery,
    /// `UPnP`'s discovery.
    Ssdp,
    /// Multicast DNS.
    Mdns,
    /// Link-local multicast name resolution.
    Llmnr,
    /// LLDP.
    Lldp,
    /// Cisco's discovery protocol.
    Cdp,
    /// RTSP headers and SDP.
    Rtsp,
    /// HTTP headers.
    Http,
    /// The certificate of a TLS server.
    Tls,
    /// Xiongmai's discovery.
    Xiongmai,
    /// Tuya's announcements.
    Tuya,
    /// A name that it asks for.
    Name,
    /// What it does.
    Behaviour,
    /// The configuration or the register.
    Register,
}

impl Source {
    /// As people know it.
    pub fn word(self) -> &'static str {
        match self {
            Self::MacPrefix => "MAC prefix",
            Self::Arp => "ARP",
            Self::Neighbour => "IPv6 neighbour discovery",
            Self::Dhcp => "DHCP",
            Self::Sadp => "SADP",
            Self::Dhip => "DHIP",
            Self::WsDiscovery => "WS-Discovery",
            Self::Ssdp => "SSDP",
            Self::Mdns => "mDNS",
            Self::Llmnr => "LLMNR",
            Self::Lldp => "LLDP",
            Self::Cdp => "CDP",
            Self::Rtsp => "RTSP",
            Self::Http => "HTTP",
            Self::Tls => "TLS certificate",
            Self::Xiongmai => "Xiongmai discovery",
            Self::Tuya => "Tuya announcement",
            Self::Name => "name asked for",
            Self::Behaviour => "what it does",
            Self::Register => "register",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// How sure a fact is. The order counts: of two, the surer decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Certainty {
    /// A hint: nothing is decided by it alone.
    Unverified,
    /// One source says so, or it follows from something that most often means it.
    Likely,
    /// The device says so itself in a field that is for it, or two independent sources agree.
    Sure,
}

/// What a fact is about, where it is a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Field {
    /// Who made the hardware and its firmware, by the short name.
    Maker,
    /// Who sells it, by the short name.
    Brand,
    /// The model.
    Model,
    /// The serial number.
    Serial,
    /// The firmware's version.
    Firmware,
    /// The name that someone gave it.
    Name,
    /// Where it says that it is.
    Location,
    /// The software it speaks of: server header, vendor class, user agent.
    Software,
    /// DHCP's parameter request list, which tells systems apart.
    Parameters,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum What {
    /// What it is.
    Kind(DeviceKind),
    /// A text: cleaned, at most [`MAX_TEXT`] bytes.
    Text(Field, Box<str>),
}

/// One thing that is said about a device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Fact {
    /// What is said.
    pub what: What,
    /// How sure that is.
    pub certainty: Certainty,
}

/// What one message says about one device.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Sighting {
    /// How it is known.
    pub source: Source,
    /// The MAC address that the message states as the device's own.
    pub mac: Option<Mac>,
    /// The address that the message states as the device's own.
    pub address: Option<IpAddr>,
    /// The sender on the link: the device itself, or a router before it. Filled in by who read the frame.
    pub link: Option<Mac>,
    /// At most [`MAX_FACTS`].
    pub facts: Vec<Fact>,
}

impl Sighting {
    /// Nothing said yet.
    pub fn new(source: Source) -> Self {
        Self { source, mac: None, address: None, link: None, facts: Vec::new() }
    }

    /// The kind that is stated with at least some certainty, the surest first.
    pub fn kind(&self) -> Option<(DeviceKind, Certainty)> {
        let kinds = self.facts.iter().filter_map(|fact| match fact.what {
            What::Kind(kind) => Some((kind, fact.certainty)),
            What::Text(..) => None,
        });
        kinds.max_by_key(|(kind, certainty)| (*certainty, kind.precedence()))
    }

    fn add(&mut self, what: What, certainty: Certainty) {
        let new = !self.facts.iter().any(|fact| fact.what == what);
        if new && self.facts.len() < MAX_FACTS {
            self.facts.push(Fact { what, certainty });
        }
    }

    /// Adds a text, cleaned; an empty one says nothing.
    fn text(&mut self, field: Field, text: &str, certainty: Certainty) {
        if let Some(text) = clean(text) {
            self.add(What::Text(field, text), certainty);
        }
    }

    fn kind_is(&mut self, kind: DeviceKind, certainty: Certainty) {
        self.add(What::Kind(kind), certainty);
    }

    /// Adds a model, and what follows from it for kind and maker.
    fn model(&mut self, text: &str, certainty: Certainty) {
        self.text(Field::Model, text, certainty);
        if let Some(known) = model::of(text) {
            self.kind_is(known.kind, known.certainty.min(certainty));
            if let Some(maker) = known.maker {
                self.text(Field::Maker, maker, Certainty::Likely);
            }
        }
    }

    /// Adds who sells and who makes it, as far as words in a text tell.
    fn brand_words(&mut self, text: &str) {
        if let Some(brand) = Brands::built_in().in_text(text) {
            if let Some(name) = brand.seller {
                self.text(Field::Brand, name, Certainty::Likely);
            }
            if let Some(maker) = brand.maker {
                self.text(Field::Maker, maker, brand.certainty);
            }
        }
    }

    /// Adds what the name of a piece of software tells.
    fn software(&mut self, text: &str) {
        self.text(Field::Software, text, Certainty::Likely);
        self.brand_words(text);
        if let Some(kind) = model::kind_of_software(text) {
            self.kind_is(kind, Certainty::Likely);
        }
    }

    fn is_empty(&self) -> bool {
        self.facts.is_empty() && self.mac.is_none()
    }

    /// As a list of one, or of none where nothing is said.
    fn into_list(self) -> Vec<Self> {
        if self.is_empty() { Vec::new() } else { vec![self] }
    }
}

/// The maker to whose families a model's name belongs.
pub(super) fn model_family(model: &str) -> Option<&'static str> {
    model::of(model)?.maker
}

/// A MAC address that can be a device's own.
fn own_mac(text: &str) -> Option<Mac> {
    text.trim().parse().ok().filter(|mac: &Mac| !mac.is_group() && !mac.is_zero())
}

/// An address that can be a device's own.
fn own_address(text: &str) -> Option<IpAddr> {
    let address: IpAddr = text.trim().split('/').next()?.parse().ok()?;
    (!address.is_unspecified() && !address.is_multicast() && !address.is_loopback()).then_some(address)
}

#[cfg(test)]
pub(super) mod check {
    //! What the tests of all parsers share.

    use super::*;

    /// The texts of a field, in order.
    pub(crate) fn texts(sighting: &Sighting, field: Field) -> Vec<&str> {
        let texts = sighting.facts.iter().filter_map(|fact| match &fact.what {
            What::Text(of, text) if *of == field => Some(text.as_ref()),
            _ => None,
        });
        texts.collect()
    }

    /// Whether what a parser gave is within its bounds.
    pub(crate) fn bounded(sightings: &[Sighting]) {
        assert!(sightings.len() <= MAX_SIGHTINGS);
        for sighting in sightings {
            assert!(sighting.facts.len() <= MAX_FACTS);
            for fact in &sighting.facts {
                if let What::Text(_, text) = &fact.what {
                    assert!(!text.is_empty() && text.len() <= MAX_TEXT, "{text}");
                    assert!(!text.chars().any(char::is_control), "{text:?}");
                }
            }
        }
    }

    /// Feeds a parser every prefix of a message, and the message with each of some bytes changed.
    pub(crate) fn torture(message: &[u8], parse: impl Fn(&[u8]) -> Vec<Sighting>) {
        for end in 0..message.len() {
            bounded(&parse(&message[..end]));
        }
        for at in (0..message.len()).step_by(1 + message.len() / 400) {
            for value in [0, 0xff, b'<', b'"', message[at] ^ 0x20] {
                let mut changed = message.to_vec();
                changed[at] = value;
                bounded(&parse(&changed));
            }
        }
    }

    /// A property test that any bytes, and any change of a good message, hold the bounds of a parser.
    macro_rules! holds {
        ($message:expr, $parse:expr) => {
            #[test]
            fn every_prefix_and_change_is_bounded() {
                crate::device::facts::check::torture($message, $parse);
            }

            proptest::proptest! {
                #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]
                #[test]
                fn any_bytes_are_bounded(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..600)) {
                    crate::device::facts::check::bounded(&$parse(&bytes));
                }

                #[test]
                fn any_change_is_bounded(
                    changes in proptest::collection::vec((0_usize..4096, proptest::prelude::any::<u8>()), 1..24),
                    cut in 0_usize..4096,
                ) {
                    let mut message: Vec<u8> = $message.to_vec();
                    let length = message.len();
                    for (at, value) in changes {
                        message[at % length] = value;
                    }
                    message.truncate(length - cut % length);
                    crate::device::facts::check::bounded(&$parse(&message));
                }
            }
        };
    }
    pub(crate) use holds;
}
