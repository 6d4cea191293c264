//! TLS: the server's name in a `ClientHello` (RFC 8446, RFC 6066), the protocols offered, and whether an encrypted hello
//! hides the real name.

use tls_parser::{
    SNIType, TlsClientHelloContents, TlsExtension, TlsExtensionType, parse_tls_client_hello_extensions,
    parse_tls_handshake_client_hello,
};

use super::{Reading, printable};

/// What a `ClientHello` says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hello {
    /// The server's name, as [`printable`] gives it; empty if none is said.
    pub name: String,
    /// The application protocols offered (ALPN, RFC 7301), first choice first; at most [`MAX_PROTOCOLS`].
    pub alpn: Vec<String>,
    /// An encrypted hello is there (ECH, RFC 9849): `name` may be a front for another. Browsers send a made-up one too.
    pub ech: bool,
}

/// Protocols kept of one hello.
pub const MAX_PROTOCOLS: usize = 8;

const CLIENT_HELLO: u8 = 1;
const HANDSHAKE: u8 = 22;
const ENCRYPTED_CLIENT_HELLO: TlsExtensionType = TlsExtensionType(0xfe0d);

/// Whether a stream may begin with a `ClientHello`: a handshake record of version 3, as far as it is there.
pub fn may_begin(start: &[u8]) -> bool {
    match start {
        [HANDSHAKE, 3, _, _, _, kind, ..] => *kind == CLIENT_HELLO,
        [] | [HANDSHAKE] | [HANDSHAKE, 3, ..] => true,
        _ => false,
    }
}

/// The `ClientHello` that a TLS stream begins with, also where it goes over several records (RFC 8446, section 5.1).
pub fn hello(stream: &[u8]) -> Reading<Hello> {
    if !may_begin(stream) {
        return Reading::Nothing;
    }
    // One record holds it, but for the rare sender that splits it: only then are bytes copied.
    let mut joined = Vec::new();
    let mut rest = stream;
    loop {
        let &[kind, major, _, high, low, ref body @ ..] = rest else { return Reading::More };
        if kind != HANDSHAKE || major != 3 {
            return Reading::Nothing;
        }
        let length = usize::from(u16::from_be_bytes([high, low]));
        let part = body.get(..length).unwrap_or(body);
        let reading = if joined.is_empty() { in_handshake(part) } else { Reading::More };
        if reading != Reading::More {
            return reading;
        }
        joined.extend_from_slice(part);
        let reading = in_handshake(&joined);
        if reading != Reading::More || part.len() < length || length == 0 {
            return reading;
        }
        rest = body.get(length..).unwrap_or_default();
    }
}

/// The `ClientHello` that a stream of handshake messages begins with, as QUIC carries it.
pub fn in_handshake(stream: &[u8]) -> Reading<Hello> {
    match stream {
        [CLIENT_HELLO, a, b, c, body @ ..] => {
            let length = u32::from_be_bytes([0, *a, *b, *c]) as usize;
            match body.get(..length) {
                Some(body) => in_body(body),
                None if length > super::Pieces::MAX_BYTES => Reading::Nothing,
                None => Reading::More,
            }
        }
        [] | [CLIENT_HELLO, ..] => Reading::More,
        _ => Reading::Nothing,
    }
}

fn in_body(body: &[u8]) -> Reading<Hello> {
    match parse_tls_handshake_client_hello(body) {
        Ok((_, contents)) => Reading::Found(said(&contents)),
        Err(_) => Reading::Nothing,
    }
}

fn said(contents: &TlsClientHelloContents<'_>) -> Hello {
    let mut hello = Hello::default();
    let extensions = contents.ext.and_then(|ext| parse_tls_client_hello_extensions(ext).ok());
    for extension in extensions.into_iter().flat_map(|(_, extensions)| extensions) {
        match extension {
            TlsExtension::SNI(names) => {
                let host = names.into_iter().find(|(kind, _)| *kind == SNIType::HostName);
                hello.name = host.map_or_else(String::new, |(_, name)| printable(name));
            }
            TlsExtension::ALPN(protocols) => {
                hello.alpn = protocols.into_iter().take(MAX_PROTOCOLS).map(printable).collect();
            }
            TlsExtension::Unknown(ENCRYPTED_CLIENT_HELLO, _) => hello.ech = true,
            _ => {}
        }
    }
    hello
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A `ClientHello` as a handshake message.
    pub(crate) fn handshake(name: &str, padding: usize) -> Vec<u8> {
        let sized = |data: &[u8]| [&(data.len() as u16).to_be_bytes()[..], data].concat();
        let extension = |kind: u16, data: &[u8]| [&kind.to_be_bytes()[..], &sized(data)].concat();
        let sni = extension(0, &sized(&[&[0][..], &sized(name.as_bytes())].concat()));
        let alpn = extension(16, &sized(b"\x02h2\x08http/1.1"));
        let extensions = [extension(21, &vec![0; padding]), sni, alpn, extension(0xfe0d, &[0; 16])].concat();
        let body = [&[3, 3][..], &[7; 32], &[0], &sized(&[0x13, 1]), &[1, 0], &sized(&extensions)].concat();
        [&[CLIENT_HELLO][..], &(body.len() as u32).to_be_bytes()[1..], &body].concat()
    }

    fn records(handshake: &[u8], size: usize) -> Vec<u8> {
        let record = |part: &[u8]| [&[HANDSHAKE, 3, 1][..], &(part.len() as u16).to_be_bytes(), part].concat();
        handshake.chunks(size).flat_map(record).collect()
    }

    fn expected() -> Hello {
        Hello { name: "dev.hik-connect.com".to_owned(), alpn: vec!["h2".to_owned(), "http/1.1".to_owned()], ech: true }
    }

    #[test]
    fn the_hello_is_read_from_one_record_and_from_many() {
        let message = handshake("dev.Hik-Connect.com", 1800);
        for size in [16_000, 700, 3] {
            assert_eq!(hello(&records(&message, size)), Reading::Found(expected()), "records of {size}");
        }
    }

    #[test]
    fn what_is_no_hello_is_nothing() {
        assert_eq!(hello(b"GET / HTTP/1.1"), Reading::Nothing);
        assert_eq!(hello(&[22, 3, 3, 0, 4, 2, 0, 0, 0]), Reading::Nothing, "a ServerHello");
        assert_eq!(in_handshake(&[1, 0xff, 0xff, 0xff]), Reading::Nothing, "16 MB of hello");
    }

    proptest::proptest! {
        #[test]
        fn any_beginning_waits_for_more(cut in 0_usize..400, size in 1_usize..400) {
            let stream = records(&handshake("dev.hik-connect.com", 100), size);
            match hello(&stream[..cut.min(stream.len())]) {
                Reading::Found(found) => proptest::prop_assert_eq!(found, expected()),
                reading => proptest::prop_assert_eq!(reading, Reading::More),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, at in 0_usize..300, with: u8) {
            let _ = hello(&bytes);
            let _ = in_handshake(&bytes);
            let mut stream = records(&handshake("dev.hik-connect.com", 40), 100);
            if let Some(byte) = stream.get_mut(at) { *byte = with; }
            if let Reading::Found(found) = hello(&stream) {
                proptest::prop_assert!(found.alpn.len() <= MAX_PROTOCOLS);
            }
        }
    }
}
