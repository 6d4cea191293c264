//! A line of a JSON log: one object, values that are not set left out.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::header::Column;
use super::kind::LogKind;
use super::record::State;
use super::row::{History, Proto, Row};
use super::value;

/// A line, and what it calls its log where it does (`_path`, as streams of several logs have it).
#[derive(Debug, Default)]
pub(super) struct Line<'a> {
    pub(super) path: Option<Cow<'a, [u8]>>,
    pub(super) row: Row<'a>,
}

/// Reads a line. The error says what is wrong and at which column of text.
pub(super) fn read(line: &[u8]) -> Result<Line<'_>, String> {
    serde_json::from_slice(line).map_err(|error| {
        // Each line is a text of its own to the parser: its "line 1" would only mislead.
        error.to_string().replace(" at line 1 column ", " at character ")
    })
}

/// Which log a line is of; the error is what it calls it, if it does.
pub(super) fn kind(line: &[u8]) -> Option<Result<LogKind, Option<String>>> {
    let Names(names) = serde_json::from_slice(line).ok()?;
    let path = read(line).ok().and_then(|line| line.path.map(Cow::into_owned));
    Some(match path {
        Some(path) => {
            LogKind::of_path(&path).ok_or_else(|| Some(String::from_utf8_lossy(&path).escape_debug().to_string()))
        }
        None => LogKind::of_columns(|column| names.contains(column)).ok_or(None),
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Line<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(LineVisitor(PhantomData))
    }
}

struct LineVisitor<'a>(PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for LineVisitor<'a> {
    type Value = Line<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Line<'a>, M::Error> {
        let mut line = Line::default();
        while let Some(key) = map.next_key::<Key>()? {
            match key {
                Key::Path => line.path = map.next_value::<Option<Text<'a>>>()?.map(|text| text.0),
                Key::Column(Column::Unused) => {
                    map.next_value::<IgnoredAny>()?;
                }
                Key::Column(column) => take(&mut line.row, column, &mut map)?,
            }
        }
        Ok(line)
    }
}

fn take<'de: 'a, 'a, M: MapAccess<'de>>(row: &mut Row<'a>, column: Column, map: &mut M) -> Result<(), M::Error> {
    match column {
        Column::Ts => row.ts = map.next_value::<Option<Time>>()?.map(|time| time.0),
        Column::OrigH => row.orig_h = parsed(map, value::address)?,
        Column::RespH => row.resp_h = parsed(map, value::address)?,
        Column::OrigP => row.orig_p = map.next_value()?,
        Column::RespP => row.resp_p = map.next_value()?,
        Column::Proto => row.proto = parsed(map, |text| Ok(Proto::parse(text)))?,
        Column::Duration => row.duration = map.next_value::<Option<f64>>()?.map(value::duration_of_number),
        Column::OrigBytes => row.orig_bytes = map.next_value()?,
        Column::RespBytes => row.resp_bytes = map.next_value()?,
        Column::ConnState => row.conn_state = parsed(map, State::parse)?,
        Column::History => row.history = parsed(map, |text| Ok(History::parse(text)))?,
        Column::OrigPkts => row.orig_pkts = map.next_value()?,
        Column::RespPkts => row.resp_pkts = map.next_value()?,
        Column::OrigIpBytes => row.orig_ip_bytes = map.next_value()?,
        Column::RespIpBytes => row.resp_ip_bytes = map.next_value()?,
        Column::OrigL2Addr => row.orig_l2_addr = parsed(map, value::mac)?,
        Column::Query => row.query = map.next_value::<Option<Text<'a>>>()?.map(|text| text.0),
        Column::ServerName => row.server_name = map.next_value::<Option<Text<'a>>>()?.map(|text| text.0),
        Column::Host => row.host = map.next_value::<Option<Text<'a>>>()?.map(|text| text.0),
        Column::Answers => {
            for answer in map.next_value::<Option<List<Text<'a>>>>()?.unwrap_or_default().0 {
                row.add_answer(&answer.0);
            }
        }
        Column::Ttls => {
            for ttl in map.next_value::<Option<List<f64>>>()?.unwrap_or_default().0 {
                row.add_ttl(value::duration_of_number(ttl));
            }
        }
        Column::Rcode => row.answered = map.next_value::<Option<IgnoredAny>>()?.is_some(),
        Column::Unused => {}
    }
    Ok(())
}

fn parsed<'de, T, M: MapAccess<'de>>(
    map: &mut M,
    parse: impl Fn(&[u8]) -> Result<T, String>,
) -> Result<Option<T>, M::Error> {
    let text = map.next_value::<Option<Text<'de>>>()?;
    text.map(|text| parse(&text.0).map_err(M::Error::custom)).transpose()
}

/// The names of an object's fields, whatever they hold.
struct Names<'a>(BTreeSet<Cow<'a, str>>);

impl<'de: 'a, 'a> Deserialize<'de> for Names<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NamesVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for NamesVisitor<'a> {
            type Value = Names<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Names<'a>, M::Error> {
                let mut names = BTreeSet::new();
                while let Some((name, IgnoredAny)) = map.next_entry::<Cow<'a, str>, IgnoredAny>()? {
                    names.insert(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(NamesVisitor(PhantomData))
    }
}

enum Key {
    Path,
    Column(Column),
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl Visitor<'_> for KeyVisitor {
            type Value = Key;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Key, E> {
                Ok(if text == "_path" { Key::Path } else { Key::Column(Column::of(text.as_bytes())) })
            }
        }
        deserializer.deserialize_str(KeyVisitor)
    }
}

/// Text, borrowed from the line where it has no escapes.
#[derive(Debug)]
struct Text<'a>(Cow<'a, [u8]>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for TextVisitor<'a> {
            type Value = Text<'a>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text")
            }
            fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<Text<'a>, E> {
                Ok(Text(Cow::Borrowed(text.as_bytes())))
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text<'a>, E> {
                Ok(Text(Cow::Owned(text.as_bytes().to_vec())))
            }
        }
        deserializer.deserialize_str(TextVisitor(PhantomData))
    }
}

/// A moment, in any of the forms that Zeek can be told to write.
struct Time(crate::time::Timestamp);

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TimeVisitor;
        impl Visitor<'_> for TimeVisitor {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time")
            }
            fn visit_f64<E: Error>(self, value: f64) -> Result<Time, E> {
                value::time_of_number(value).map(Time).map_err(E::custom)
            }
            fn visit_u64<E: Error>(self, value: u64) -> Result<Time, E> {
                self.visit_f64(value as f64)
            }
            fn visit_i64<E: Error>(self, value: i64) -> Result<Time, E> {
                self.visit_f64(value as f64)
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Time, E> {
                value::time_of_text(text).map(Time).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(TimeVisitor)
    }
}

/// A list in which values may be null.
struct List<T>(Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for List<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ListVisitor<T> {
            type Value = List<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut sequence: S) -> Result<List<T>, S::Error> {
                let mut list = List::default();
                while let Some(value) = sequence.next_element::<Option<T>>()? {
                    list.0.extend(value);
                }
                Ok(list)
            }
        }
        deserializer.deserialize_seq(ListVisitor(PhantomData))
    }
}
