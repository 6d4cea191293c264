//! The names that a device asks the resolver for: makers' clouds tell the maker, never the kind.
//!
//! A telephone with the maker's app asks for the same names as the camera. Such a fact supports others; alone it decides
//! nothing.

use super::super::brand::CloudNames;
use super::{Certainty, Field, Sighting, Source};

/// What a DNS query says: of its first question the name, where that is a camera maker's cloud.
///
/// Allocates nothing where it is not.
pub fn parse_query(bytes: &[u8]) -> Vec<Sighting> {
    // Flags: a query of the standard kind; one question at least (RFC 1035, section 4.1.1).
    let [_, _, flags, _, high, low, _, _, _, _, _, _, labels @ ..] = bytes else { return Vec::new() };
    if flags & 0xf8 != 0 || (*high, *low) == (0, 0) {
        return Vec::new();
    }
    let mut name = [0_u8; 256];
    let mut length = 0;
    let mut rest = labels;
    loop {
        let [size, body @ ..] = rest else { return Vec::new() };
        let size = usize::from(*size);
        if size == 0 {
            break;
        }
        let (Some(label), Some(next)) = (body.get(..size), body.get(size..)) else { return Vec::new() };
        // A pointer in a question, or a name beyond 255 bytes: broken.
        let Some(place) = (size < 64).then(|| name.get_mut(length..length + size + 1)).flatten() else {
            return Vec::new();
        };
        for (to, from) in place.iter_mut().zip(label) {
            *to = from.to_ascii_lowercase();
        }
        if let Some(dot) = place.last_mut() {
            *dot = b'.';
        }
        length += size + 1;
        rest = next;
    }
    let name = name.get(..length.saturating_sub(1)).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or("");
    of_name(name)
}

/// What a name says, in lower case and without a final dot.
pub fn of_name(name: &str) -> Vec<Sighting> {
    let Some(vendor) = CloudNames::built_in().vendor(name) else { return Vec::new() };
    let mut sighting = Sighting::new(Source::Name);
    sighting.text(Field::Maker, vendor, Certainty::Unverified);
    sighting.text(Field::Software, &format!("asks for {name}"), Certainty::Sure);
    sighting.into_list()
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    fn query(name: &str) -> Vec<u8> {
        let mut bytes = vec![0, 1, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.extend([0, 0, 1, 0, 1]);
        bytes
    }

    #[test]
    fn a_makers_cloud_tells_the_maker_and_no_kind() {
        let [found] = &parse_query(&query("Dev.Hik-Connect.com"))[..] else { panic!() };
        assert_eq!(texts(found, Field::Maker), ["hikvision"]);
        assert_eq!(found.kind(), None);
        assert!(parse_query(&query("www.gov.uk")).is_empty());
        assert!(parse_query(&query("nothik-connect.com")).is_empty(), "a suffix ends at a dot");
    }

    holds!(&query("dev.hik-connect.com"), parse_query);
}
