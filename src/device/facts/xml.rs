//! XML as discovery protocols use it: elements that hold one text each.

use quick_xml::Reader;
use quick_xml::events::Event;

use super::text::lossy;

/// Bytes of a message that are looked at: a UDP datagram holds no more.
const MAX_BYTES: usize = 65_536;
/// Elements in one another that are followed.
const MAX_DEPTH: usize = 32;
/// Markup that is looked at.
const MAX_EVENTS: usize = 8192;
/// Bytes kept of one text.
const MAX_VALUE: usize = 4096;

/// Tells `found` each element that directly holds text: its local name and the text; and each that ends, with no text.
///
/// Document types are passed over and entities beyond the five of XML are not expanded. Stops at what is no XML; what
/// stood before was told. `found` stops it by false.
pub(super) fn read(bytes: &[u8], mut found: impl FnMut(&str, Option<&str>) -> bool) {
    let text = lossy(bytes, MAX_BYTES);
    let mut reader = Reader::from_str(&text);
    let config = reader.config_mut();
    config.check_end_names = false;
    config.allow_unmatched_ends = true;
    let mut path: Vec<(String, String)> = Vec::new();
    for _ in 0..MAX_EVENTS {
        match reader.read_event() {
            Ok(Event::Start(start)) => {
                if path.len() >= MAX_DEPTH {
                    return;
                }
                path.push((start.local_name().as_ref().chars().take(64).collect(), String::new()));
            }
            Ok(Event::Text(text)) => append(&mut path, &text),
            Ok(Event::CData(text)) => append(&mut path, &text),
            Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                Ok(Some(c)) => append(&mut path, c.encode_utf8(&mut [0; 4])),
                _ => append(&mut path, quick_xml::escape::resolve_xml_entity(&reference).unwrap_or("")),
            },
            Ok(Event::End(_)) => {
                let Some((name, text)) = path.pop() else { continue };
                let text = text.trim();
                if !text.is_empty() && !found(&name, Some(text)) || !found(&name, None) {
                    return;
                }
            }
            Ok(Event::Eof) | Err(_) => return,
            Ok(_) => {}
        }
    }
}

fn append(path: &mut [(String, String)], text: &str) {
    if let Some((_, value)) = path.last_mut() {
        let room = MAX_VALUE.saturating_sub(value.len());
        value.extend(text.chars().scan(room, |room, c| {
            *room = room.checked_sub(c.len_utf8())?;
            Some(c)
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(xml: &str) -> Vec<(String, String)> {
        let mut all = Vec::new();
        read(xml.as_bytes(), |name, text| {
            all.extend(text.map(|text| (name.to_owned(), text.to_owned())));
            true
        });
        all
    }

    #[test]
    fn names_come_without_prefix_and_texts_unescaped() {
        let found = texts("<a:r xmlns:a='x'><a:n>R&amp;D &#65;</a:n><m><![CDATA[<x>]]></m></a:r>");
        assert_eq!(found, [("n".into(), "R&D A".into()), ("m".into(), "<x>".into())]);
    }

    #[test]
    fn entities_of_a_document_type_are_not_expanded() {
        let bomb = "<!DOCTYPE l [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;'>]><l><n>x&b;y</n></l>";
        assert_eq!(texts(bomb), [("n".into(), "xy".into())]);
        let external = "<!DOCTYPE l [<!ENTITY a SYSTEM 'file:///etc/passwd'>]><l><n>&a;</n></l>";
        assert!(texts(external).is_empty());
    }

    #[test]
    fn deep_and_long_documents_end_early() {
        assert!(texts(&"<a>".repeat(100_000)).is_empty());
        let long = format!("<r><n>{}</n></r>", "x".repeat(60_000));
        assert!(texts(&long)[0].1.len() <= MAX_VALUE);
    }

    #[test]
    fn what_stands_before_broken_markup_is_told() {
        assert_eq!(texts("<r><n>1</n><m>2</m><"), [("n".into(), "1".into()), ("m".into(), "2".into())]);
    }
}
