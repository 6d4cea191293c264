//! Names as text that is safe to show.

/// The characters of a name that are kept: DNS has 253 at most (RFC 1035, section 3.1).
const MAX_CHARACTERS: usize = 255;

/// A name in lower case, without a final dot, control characters escaped as C writes them (`\n`, `\022`), bytes that are
/// no UTF-8 replaced by U+FFFD, and cut to 255 characters: so that no camera writes on anybody's terminal or page.
pub fn printable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_end_matches('.');
    let mut out = String::with_capacity(text.len());
    for character in text.chars().flat_map(char::to_lowercase).take(MAX_CHARACTERS) {
        match character {
            '\x07' => out.push_str("\\a"),
            '\x08' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\x0b' => out.push_str("\\v"),
            '\x0c' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            c if c.is_control() || is_invisible(c) => {
                let mut utf8 = [0; 4];
                for byte in c.encode_utf8(&mut utf8).bytes() {
                    out.push('\\');
                    out.extend([byte >> 6, byte >> 3 & 7, byte & 7].map(|digit| char::from(b'0' + digit)));
                }
            }
            c => out.push(c),
        }
    }
    out
}

/// Marks that turn the direction of writing or take no room: a name that uses them wants to look like another.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shown_safely() {
        assert_eq!(printable(b"Dev.Hik-Connect.COM."), "dev.hik-connect.com");
        assert_eq!(printable(b"a\x1b[31mb\rc\x12"), "a\\033[31mb\\rc\\022");
        assert_eq!(printable(b"a\xffb"), "a\u{fffd}b");
        assert_eq!(printable("a\u{202e}b".as_bytes()), "a\\342\\200\\256b");
        assert_eq!(printable(&[b'x'; 10_000]).len(), 255);
    }

    proptest::proptest! {
        #[test]
        fn nothing_passes_that_a_terminal_obeys(bytes: Vec<u8>) {
            let text = printable(&bytes);
            proptest::prop_assert!(text.chars().count() <= MAX_CHARACTERS * 12 && !text.chars().any(char::is_control));
        }
    }
}
