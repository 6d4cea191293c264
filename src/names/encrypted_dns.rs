//! Encrypted DNS: whom a camera asks is seen, what it asks is not.

use std::fmt;

use crate::net::{Protocol, Service};

/// How DNS is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum EncryptedDns {
    /// Over TLS (RFC 7858).
    DoT,
    /// Over QUIC (RFC 9250).
    DoQ,
    /// Over HTTPS (RFC 8484).
    DoH,
}

impl fmt::Display for EncryptedDns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DoT => "DNS over TLS",
            Self::DoQ => "DNS over QUIC",
            Self::DoH => "DNS over HTTPS",
        })
    }
}

/// Names of public resolvers that answer over HTTPS: those that browsers, phones and routers are shipped with.
const RESOLVERS: [&str; 24] = [
    "chrome.cloudflare-dns.com",
    "cloudflare-dns.com",
    "dns.adguard-dns.com",
    "dns.adguard.com",
    "dns.alidns.com",
    "dns.cloudflare.com",
    "dns.google",
    "dns.mullvad.net",
    "dns.nextdns.io",
    "dns.quad9.net",
    "dns10.quad9.net",
    "dns11.quad9.net",
    "dns9.quad9.net",
    "doh.cleanbrowsing.org",
    "doh.dns.sb",
    "doh.opendns.com",
    "doh.pub",
    "doh.umbrella.com",
    "doh.xfinity.com",
    "family.cloudflare-dns.com",
    "freedns.controld.com",
    "mozilla.cloudflare-dns.com",
    "one.one.one.one",
    "security.cloudflare-dns.com",
];

/// Whether a service at a host of these names is encrypted DNS. Ports 853 are set aside for it (IANA); over HTTPS only the
/// name tells it from the web.
pub fn of<'n>(service: Service, names: impl IntoIterator<Item = &'n str>) -> Option<EncryptedDns> {
    match (service.protocol, service.port) {
        (Protocol::Tcp, 853) => Some(EncryptedDns::DoT),
        (Protocol::Udp, 853) => Some(EncryptedDns::DoQ),
        (Protocol::Tcp | Protocol::Udp, 443) => {
            names.into_iter().any(|name| RESOLVERS.binary_search(&name).is_ok()).then_some(EncryptedDns::DoH)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_told_by_port_or_by_name() {
        let of = |service: &str, names: &[&str]| of(service.parse().unwrap(), names.iter().copied());
        assert_eq!(of("tcp/853", &[]), Some(EncryptedDns::DoT));
        assert_eq!(of("udp/853", &[]), Some(EncryptedDns::DoQ));
        assert_eq!(of("tcp/443", &["www.gov.uk", "dns.google"]), Some(EncryptedDns::DoH));
        assert_eq!(of("tcp/443", &["www.google.com"]), None);
        assert_eq!(of("tcp/80", &["dns.google"]), None);
    }

    #[test]
    fn the_list_can_be_searched() {
        assert!(RESOLVERS.is_sorted());
    }
}
