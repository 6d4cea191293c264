//! What devices say about themselves: a byte that picks the protocol, then a message.
#![no_main]

use camwatch::device::facts::{
    self, Sighting, dhcp, dhip, http, lldp_cdp, mdns, names, rtsp, sadp, ssdp, tls_certificate, tuya, wsdiscovery, xiongmai,
};
use libfuzzer_sys::fuzz_target;

const PARSERS: [fn(&[u8]) -> Vec<Sighting>; 17] = [
    dhcp::parse,
    dhip::parse,
    http::parse_request,
    http::parse_response,
    lldp_cdp::parse_cdp,
    lldp_cdp::parse_lldp,
    mdns::parse,
    mdns::parse_llmnr,
    names::parse_query,
    rtsp::parse,
    rtsp::parse_request,
    sadp::parse,
    ssdp::parse,
    tls_certificate::parse,
    tuya::parse,
    wsdiscovery::parse,
    xiongmai::parse,
];

fuzz_target!(|input: &[u8]| {
    let Some((pick, message)) = input.split_first() else { return };
    for part in [message, &message[..message.len() / 2]] {
        let sightings = PARSERS[usize::from(*pick) % PARSERS.len()](part);
        assert!(sightings.len() <= facts::MAX_SIGHTINGS);
        assert!(sightings.iter().all(|sighting| sighting.facts.len() <= facts::MAX_FACTS));
    }
});
