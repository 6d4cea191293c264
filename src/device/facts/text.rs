//! Foreign text made fit to be shown.

use std::fmt::Write;

/// Bytes kept of a text, escapes included.
pub const MAX_TEXT: usize = 128;

/// A text without what a terminal or a reader could be fooled by: control and direction characters are escaped as
/// `\u{1b}`, surrounding space is taken away, what is beyond [`MAX_TEXT`] bytes is left out. None: nothing is left.
pub fn clean(text: &str) -> Option<Box<str>> {
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    if trimmed.is_empty() {
        return None;
    }
    let mut out = String::new();
    for c in trimmed.chars() {
        let before = out.len();
        if is_tricky(c) {
            write!(out, "\\u{{{:x}}}", c as u32).unwrap_or_default();
        } else {
            out.push(c);
        }
        if out.len() > MAX_TEXT {
            out.truncate(before);
            break;
        }
    }
    Some(out.into_boxed_str())
}

/// Control characters, and format characters that reorder or hide text (Unicode 16, general category Cf).
fn is_tricky(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Text of bytes that should be UTF-8, the rest replaced; at most `limit` bytes are looked at.
pub(super) fn lossy(bytes: &[u8], limit: usize) -> String {
    String::from_utf8_lossy(bytes.get(..limit).unwrap_or(bytes)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_fool_a_terminal_is_escaped() {
        assert_eq!(clean("  gate\u{1b}[2J\n1 \0").as_deref(), Some("gate\\u{1b}[2J\\u{a}1"));
        assert_eq!(clean("a\u{202e}b").as_deref(), Some("a\\u{202e}b"));
        assert_eq!(clean(" \0 "), None);
        assert_eq!(clean("Tür 1 – Nord").as_deref(), Some("Tür 1 – Nord"));
    }

    #[test]
    fn a_name_of_ten_kilobytes_is_cut() {
        for text in ["x".repeat(10_000), "é".repeat(10_000), "\u{7}".repeat(10_000)] {
            let length = clean(&text).unwrap().len();
            assert!(length <= MAX_TEXT && length > MAX_TEXT - 8, "{length}");
        }
    }
}
