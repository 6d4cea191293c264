//! The certificate of a TLS server, where it is visible: up to TLS 1.2 (RFC 5246, section 7.4.2).
//!
//! Cameras come with certificates of their own, whose subject names maker, model or serial number. The subject stands near
//! the beginning of a certificate: it is found though the rest was cut off at the end of a segment.

use x509_parser::prelude::{FromDer, X509Name};

use super::{Certainty, Field, Sighting, Source};

const HANDSHAKE: u8 = 22;
const CERTIFICATE: u8 = 11;
/// Handshake messages before the certificate that are passed over.
const MAX_MESSAGES: usize = 8;

/// Whether a TCP payload begins a server's handshake.
pub fn is_server_hello(bytes: &[u8]) -> bool {
    matches!(bytes, [HANDSHAKE, 3, 0..=4, _, _, 2, ..])
}

/// What a server's first bytes say.
pub fn parse(bytes: &[u8]) -> Vec<Sighting> {
    let Some(certificate) = is_server_hello(bytes).then(|| certificate(bytes)).flatten() else { return Vec::new() };
    let Some(subject) = subject(&certificate) else { return Vec::new() };
    let Ok((_, subject)) = X509Name::from_der(subject) else { return Vec::new() };
    let mut sighting = Sighting::new(Source::Tls);
    let text = |value: &x509_parser::prelude::AttributeTypeAndValue<'_>| value.as_str().ok().map(str::to_owned);
    for organisation in subject.iter_organization().take(2).filter_map(text) {
        sighting.brand_words(&organisation);
        sighting.text(Field::Software, &format!("certificate of {organisation}"), Certainty::Sure);
    }
    for name in subject.iter_common_name().take(2).filter_map(text) {
        sighting.brand_words(&name);
        if let Some(known) = super::model::of(&name).filter(|known| known.maker.is_some()) {
            sighting.model(&name, known.certainty.min(Certainty::Likely));
        } else {
            sighting.text(Field::Name, &name, Certainty::Unverified);
        }
    }
    for serial in subject.iter_by_oid(&x509_parser::oid_registry::OID_X509_SERIALNUMBER).take(1).filter_map(text) {
        sighting.text(Field::Serial, &serial, Certainty::Likely);
    }
    sighting.into_list()
}

/// The bytes of the first certificate, as far as they are there. Records are joined: a message may run over several.
fn certificate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut messages = Vec::new();
    let mut rest = bytes;
    while let [HANDSHAKE, 3, _, high, low, body @ ..] = rest {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(body.len());
        messages.extend_from_slice(body.get(..length)?);
        rest = body.get(length..)?;
    }
    let mut rest = messages.as_slice();
    for _ in 0..MAX_MESSAGES {
        let [kind, a, b, c, body @ ..] = rest else { return None };
        if *kind == CERTIFICATE {
            // Length of the list, length of the first certificate, the certificate.
            return body.get(6..).map(<[u8]>::to_vec);
        }
        rest = body.get(u32::from_be_bytes([0, *a, *b, *c]) as usize..)?;
    }
    None
}

/// The DER of the subject within a certificate (RFC 5280, section 4.1).
fn subject(certificate: &[u8]) -> Option<&[u8]> {
    let (_, fields, _) = element(certificate)?;
    let (_, mut rest, _) = element(fields)?;
    // An explicit version may stand first; then serial number, signature, issuer, validity, subject.
    if rest.first() == Some(&0xa0) {
        rest = element(rest)?.2;
    }
    for _ in 0..4 {
        rest = element(rest)?.2;
    }
    let (whole, _, _) = element(rest)?;
    Some(whole)
}

/// One DER element: all of it, its content, and what follows; the first two as far as they are there.
fn element(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let [_, length, ref rest @ ..] = *bytes else { return None };
    let (length, header) = match length {
        0..=0x7f => (usize::from(length), 2),
        0x81 => (usize::from(*rest.first()?), 3),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), 4),
        _ => return None,
    };
    let end = (header + length).min(bytes.len());
    Some((bytes.get(..end)?, bytes.get(header..end)?, bytes.get(end..)?))
}

#[cfg(test)]
mod tests {
    use super::super::check::{holds, texts};
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let mut out = vec![tag];
        match content.len() {
            length @ 0..=0x7f => out.push(length as u8),
            length => out.extend([0x82, (length >> 8) as u8, length as u8]),
        }
        out.extend(content);
        out
    }

    fn name(parts: &[(u8, &str)]) -> Vec<u8> {
        let sets: Vec<u8> = parts
            .iter()
            .flat_map(|(id, text)| {
                let pair = [der(6, &[0x55, 4, *id]), der(12, text.as_bytes())].concat();
                der(0x31, &der(0x30, &pair))
            })
            .collect();
        der(0x30, &sets)
    }

    /// A server's first flight with a certificate of this subject.
    fn flight(subject: &[(u8, &str)]) -> Vec<u8> {
        let algorithm = der(0x30, &der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 11]));
        let time = |text: &str| der(23, text.as_bytes());
        let validity = der(0x30, &[time("200101000000Z"), time("400101000000Z")].concat());
        let fields = [
            der(0xa0, &der(2, &[2])),
            der(2, &[1]),
            algorithm,
            name(&[(3, "self")]),
            validity,
            name(subject),
            der(0x30, &[0; 400]),
        ]
        .concat();
        let certificate = der(0x30, &der(0x30, &fields));
        let three = |length: usize| [(length >> 16) as u8, (length >> 8) as u8, length as u8];
        let list = [&three(certificate.len())[..], &certificate].concat();
        let body = [&three(list.len())[..], &list].concat();
        let hello = [&[2][..], &three(70), &[3; 70]].concat();
        let messages = [&hello[..], &[11], &three(body.len()), &body].concat();
        let mut out = Vec::new();
        for part in messages.chunks(300) {
            out.extend([22, 3, 3]);
            out.extend((part.len() as u16).to_be_bytes());
            out.extend(part);
        }
        out
    }

    #[test]
    fn the_subject_tells_maker_and_name() {
        let [found] = &parse(&flight(&[(10, "Axis Communications AB"), (3, "axis-accc8e010203")]))[..] else {
            panic!()
        };
        assert_eq!(texts(found, Field::Maker), ["axis"]);
        assert_eq!(texts(found, Field::Name), ["axis-accc8e010203"]);
    }

    #[test]
    fn a_certificate_cut_off_behind_its_subject_still_tells_it() {
        let whole = flight(&[(10, "Hikvision"), (3, "DS-2CD2143G0-I"), (5, "123456789")]);
        let [found] = &parse(&whole[..whole.len() - 350])[..] else { panic!() };
        assert_eq!(texts(found, Field::Maker), ["hikvision"]);
        assert_eq!(texts(found, Field::Model), ["DS-2CD2143G0-I"]);
        assert_eq!(texts(found, Field::Serial), ["123456789"]);
    }

    holds!(&flight(&[(10, "Hikvision"), (3, "DS-2CD2143G0-I")]), parse);
}
