//! HTTP/1 requests (RFC 9112): the host they are for.

use super::{Reading, printable};

/// Headers looked at.
const MAX_HEADERS: usize = 64;
/// A request whose headers are longer is given up.
const MAX_HEAD: usize = 8192;
/// The longest method in use (`UPDATEREDIRECTREF`, RFC 4437), and a space.
const MAX_METHOD: usize = 18;

/// Whether a stream may begin with a request: a method in capitals and a space, as far as it is there.
pub fn may_begin(start: &[u8]) -> bool {
    let method = start.iter().take(MAX_METHOD).take_while(|byte| byte.is_ascii_uppercase() || **byte == b'-').count();
    (method >= 3 && start.get(method) == Some(&b' ')) || (method == start.len() && method < MAX_METHOD)
}

/// Whom a request is for.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Host {
    /// The host, as [`printable`] gives it; empty if the request names none.
    pub name: String,
    /// The port, where the request says one.
    pub port: Option<u16>,
}

/// Whom the request that `stream` begins with is for.
///
/// A head that is not whole yet gives a host as soon as its line is whole.
pub fn host(stream: &[u8]) -> Reading<Host> {
    if !may_begin(stream) {
        return Reading::Nothing;
    }
    let whole_lines = stream.iter().take(MAX_HEAD).rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let Some(lines) = stream.get(..whole_lines).filter(|lines| !lines.is_empty()) else {
        return if stream.len() < MAX_HEAD { Reading::More } else { Reading::Nothing };
    };
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut request = httparse::Request::new(&mut headers);
    let mut config = httparse::ParserConfig::default();
    config.ignore_invalid_headers_in_requests(true).allow_multiple_spaces_in_request_line_delimiters(true);
    // Closing the lines that are there makes a request of them that can be read.
    let closed = [lines, b"\r\n"].concat();
    let complete = match config.parse_request(&mut request, &closed) {
        Ok(httparse::Status::Complete(length)) => length <= lines.len(),
        Ok(httparse::Status::Partial) => false,
        Err(_) => return Reading::Nothing,
    };
    match request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("host")) {
        Some(header) => Reading::Found(split(header.value)),
        None if complete || stream.len() >= MAX_HEAD => Reading::Found(Host::default()),
        None => Reading::More,
    }
}

/// The two parts of a Host header: `example.org` and 8080 of `example.org:8080`, `::1` and 80 of `[::1]:80` (RFC 9110, section 7.2).
pub fn split(host: &[u8]) -> Host {
    let host = host.trim_ascii();
    let (name, port) = match host.iter().rposition(|byte| *byte == b':') {
        Some(at) if host.starts_with(b"[") || !host[..at].contains(&b':') => {
            let port = std::str::from_utf8(&host[at + 1..]).ok().and_then(|port| port.parse().ok());
            (if port.is_some() { &host[..at] } else { host }, port)
        }
        _ => (host, None),
    };
    let bare = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
    Host { name: printable(bare), port }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, port: Option<u16>) -> Reading<Host> {
        Reading::Found(Host { name: name.to_owned(), port })
    }

    #[test]
    fn the_host_is_found_wherever_it_stands() {
        assert_eq!(host(b"GET / HTTP/1.1\r\nHost: WWW.Example.org:8080\r\n\r\n"), found("www.example.org", Some(8080)));
        assert_eq!(
            host(b"POST /x HTTP/1.1\r\nUser-Agent: cam\r\nhOsT:[2001:db8::1]:80\r\nA: b\r\n"),
            found("2001:db8::1", Some(80))
        );
        assert_eq!(host(b"GET / HTTP/1.0\r\n\r\n"), found("", None), "none, and none to come");
        assert_eq!(host(b"GET / HTTP/1.1\r\nBad Header: x\r\nHost: a.b\r\n\r\n"), found("a.b", None));
    }

    #[test]
    fn more_is_awaited_only_where_it_may_come() {
        assert_eq!(host(b"GE"), Reading::More);
        assert_eq!(host(b"GET / HTTP/1.1\r\nHost: exam"), Reading::More);
        assert_eq!(host(b"get / http"), Reading::Nothing);
        assert_eq!(host(b"SSH-2.0-OpenSSH"), Reading::Nothing);
        assert_eq!(host(b"OPTIONS rtsp://10.0.0.1/ RTSP/1.0\r\nCSeq: 1\r\n\r\n"), Reading::Nothing);
        assert_eq!(host(&[&b"GET /"[..], &[b'a'; 9000]].concat()), Reading::Nothing);
    }

    proptest::proptest! {
        #[test]
        fn a_beginning_never_gives_another_host(cut in 0_usize..80) {
            let whole = b"GET /index HTTP/1.1\r\nAccept: text/html\r\nHost: cam.example\r\nHost: b\r\n\r\n";
            match host(&whole[..cut.min(whole.len())]) {
                Reading::Found(host) => proptest::prop_assert_eq!(host.name, "cam.example"),
                reading => proptest::prop_assert_eq!(reading, Reading::More),
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = host(&bytes);
            let _ = host(&[b"GET / HTTP/1.1\r\nHost: ", &bytes[..], b"\r\n\r\n"].concat());
        }
    }
}
