//! Typed reading of TOML tables: every problem is collected, with its place and the way out.

use std::fmt;
use std::net::IpAddr;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file, self.message),
            line => write!(f, "{}:{line}:{}: {}", self.file, self.column, self.message),
        }
    }
}

/// All mistakes of one file.
#[derive(Debug)]
pub struct Problems<'t> {
    file: &'t str,
    text: &'t str,
    list: Vec<Problem>,
}

impl<'t> Problems<'t> {
    /// None so far, of `text` that stands in `file`.
    pub fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text, list: Vec::new() }
    }

    /// The folder of the file: from there the files are found that it names.
    pub fn folder(&self) -> &Path {
        Path::new(self.file).parent().unwrap_or(Path::new(""))
    }

    /// Notes a mistake at a place of the text.
    pub fn add(&mut self, span: Option<Range<usize>>, message: impl Into<String>) {
        let (mut line, mut column) = (0, 0);
        if let Some(span) = span {
            let before = self.text.get(..span.start).unwrap_or(self.text);
            line = before.matches('\n').count() + 1;
            column = before.rsplit('\n').next().map_or(1, |last| last.chars().count() + 1);
        }
        self.list.push(Problem { file: self.file.to_owned(), line, column, message: message.into() });
    }

    /// Every mistake, in the order of the file.
    pub fn into_list(mut self) -> Vec<Problem> {
        self.list.sort_by_key(|problem| (problem.line, problem.column));
        self.list
    }
}

/// Parses a whole file; what is no TOML is noted.
pub fn parse<'t>(text: &'t str, problems: &mut Problems<'_>) -> DeTable<'t> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        problems.add(error.span(), error.message().to_owned());
    }
    table.into_inner()
}

/// By what a changed file is told: when it was modified, and its length.
pub type Stamp = (SystemTime, u64);

/// A file's stamp; none where there is none.
pub fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = path.metadata().ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

/// A table being read: each key once, and at the end what nobody asked for.
pub struct Section<'a, 't> {
    name: &'a str,
    span: Option<Range<usize>>,
    table: Option<&'a DeTable<'t>>,
    asked: Vec<&'static str>,
}

impl<'a, 't> Section<'a, 't> {
    /// The top of a file.
    pub fn top(table: &'a DeTable<'t>) -> Self {
        Self { name: "", span: None, table: Some(table), asked: Vec::new() }
    }

    /// A table within this one; an absent one is empty.
    #[must_use]
    pub fn section(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Section<'a, 't> {
        let value = self.find(key);
        let table = value.and_then(|value| value.get_ref().as_table());
        if let (Some(value), None) = (value, table) {
            problems.add(Some(value.span()), format!("`{key}` should be a section: write [{key}]"));
        }
        Section { name: key, span: value.map(Spanned::span), table, asked: Vec::new() }
    }

    /// The tables of an array of tables within this one.
    pub fn sections(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Vec<Section<'a, 't>> {
        let Some(value) = self.find(key) else { return Vec::new() };
        let Some(array) = value.get_ref().as_array() else {
            problems.add(Some(value.span()), format!("`{key}` should be a list of sections: write [[{key}]]"));
            return Vec::new();
        };
        let mut sections = Vec::new();
        for item in array {
            match item.get_ref().as_table() {
                Some(table) => {
                    let (name, span) = (key, Some(item.span()));
                    sections.push(Section { name, span, table: Some(table), asked: Vec::new() });
                }
                None => problems.add(Some(item.span()), format!("write [[{key}]] for each")),
            }
        }
        sections
    }

    /// Where the section stands.
    pub fn span(&self) -> Option<Range<usize>> {
        self.span.clone()
    }

    /// The section's keys and values as TOML, one a line, in the order of the file's keys.
    pub fn text(&self) -> String {
        let lines = self.table.into_iter().flatten();
        lines
            .map(|(key, value)| format!("{} = {}", key.get_ref(), value_text(value.get_ref())))
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Where a key's value stands, or the section where it is absent.
    pub fn span_of(&self, key: &str) -> Option<Range<usize>> {
        self.table.and_then(|table| table.get(key)).map(Spanned::span).or_else(|| self.span())
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(key))
    }

    /// Whether a key is there as a list of nothing.
    pub fn is_empty_list(&self, key: &str) -> bool {
        let value = self.table.and_then(|table| table.get(key));
        value.and_then(|value| value.get_ref().as_array()).is_some_and(|array| array.is_empty())
    }

    fn find(&mut self, key: &'static str) -> Option<&'a Spanned<DeValue<'t>>> {
        self.asked.push(key);
        self.table?.get(key)
    }

    /// Reads a value of any kind that can be read from TOML.
    pub fn get<T: Setting>(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<T> {
        let value = self.find(key)?;
        match T::read(value.get_ref()) {
            Ok(read) => Some(read),
            Err(message) => {
                problems.add(Some(value.span()), format!("`{key}`: {message}"));
                None
            }
        }
    }

    /// Reads a list; each bad item is noted, the good ones are taken. A single value counts as a list of one.
    pub fn list<T: Setting>(&mut self, key: &'static str, problems: &mut Problems<'_>) -> Option<Vec<T>> {
        let value = self.find(key)?;
        let items: Vec<&Spanned<DeValue<'t>>> = match value.get_ref().as_array() {
            Some(array) => array.iter().collect(),
            None => vec![value],
        };
        let mut list = Vec::new();
        for item in items {
            match T::read(item.get_ref()) {
                Ok(read) => list.push(read),
                Err(message) => problems.add(Some(item.span()), format!("`{key}`: {message}")),
            }
        }
        Some(list)
    }

    /// Reads one of several words.
    pub fn one_of<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        problems: &mut Problems<'_>,
    ) -> Option<T> {
        let text: String = self.get(key, problems)?;
        let found = words.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
        if found.is_none() {
            let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
            let hint = did_you_mean(&text, &known);
            let message = format!("`{key}`: `{text}` is none of {}{hint}", known.join(", "));
            problems.add(self.span_of(key), message);
        }
        found
    }

    /// Reads a list of words; each that is none of them is noted.
    pub fn words<T: Copy>(
        &mut self,
        key: &'static str,
        words: &[(&'static str, T)],
        problems: &mut Problems<'_>,
    ) -> Vec<T> {
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        let mut found = Vec::new();
        for text in self.list::<String>(key, problems).unwrap_or_default() {
            if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
                found.push(*value);
            } else {
                let hint = did_you_mean(&text, &known);
                let message = format!("`{key}`: `{text}` is none of {}{hint}", known.join(", "));
                problems.add(self.span_of(key), message);
            }
        }
        found
    }

    /// Notes every key that nobody asked for.
    pub fn finish(self, problems: &mut Problems<'_>) {
        for (key, _) in self.table.into_iter().flatten() {
            let name = key.get_ref().as_ref();
            if !self.asked.contains(&name) {
                let place = if self.name.is_empty() { String::new() } else { format!(" in [{}]", self.name) };
                let hint = did_you_mean(name, &self.asked);
                problems.add(Some(key.span()), format!("unknown key `{name}`{place}{hint}"));
            }
        }
    }
}

/// `: did you mean …?` with the nearest of the known words, if one is near.
pub fn did_you_mean(text: &str, known: &[&str]) -> String {
    let near = known
        .iter()
        .max_by(|a, b| strsim::jaro_winkler(text, a).total_cmp(&strsim::jaro_winkler(text, b)).then_with(|| b.cmp(a)));
    match near.filter(|word| strsim::jaro_winkler(text, word) > 0.75) {
        Some(word) => format!(": did you mean `{word}`?"),
        None => String::new(),
    }
}

/// A value that can be read from TOML; the error says what would be right.
pub trait Setting: Sized {
    /// Reads it.
    fn read(value: &DeValue<'_>) -> Result<Self, String>;
}

impl Setting for bool {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("write true or false, without quotes, not {}", shown(value)))
    }
}

impl Setting for String {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value.as_str().map(str::to_owned).ok_or_else(|| format!("write a text in quotes, not {}", shown(value)))
    }
}

impl Setting for u64 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        value
            .as_integer()
            .and_then(|number| Self::from_str_radix(number.as_str(), number.radix()).ok())
            .ok_or_else(|| format!("write a whole number from 0 on, not {}", shown(value)))
    }
}

impl Setting for u16 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let number = u64::read(value)?;
        Self::try_from(number).map_err(|_| format!("{number} is too large: at most {}", Self::MAX))
    }
}

impl Setting for f64 {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = value
            .as_float()
            .map(toml::de::DeFloat::as_str)
            .or_else(|| value.as_integer().map(toml::de::DeInteger::as_str));
        text.and_then(|text| text.parse().ok()).ok_or_else(|| format!("write a number, not {}", shown(value)))
    }
}

/// `"15 min"`, `"1 h 30 min"`, `"90 s"`.
impl Setting for Duration {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let wrong = || format!("write a time in quotes, such as \"90 s\", \"15 min\" or \"2 h\", not {}", shown(value));
        let text = value.as_str().ok_or_else(wrong)?;
        let span: jiff::SignedDuration = text.parse().map_err(|_| wrong())?;
        Self::try_from(span).map_err(|_| wrong())
    }
}

/// How often: as a [`Duration`]; `"off"`, and no time at all, for never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Every(pub Option<Duration>);

impl Setting for Every {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let never = value.as_str() == Some("off") || value.as_integer().is_some_and(|number| number.as_str() == "0");
        if never {
            return Ok(Self(None));
        }
        let every = Duration::read(value).map_err(|error| format!("{error}; \"off\" for never"))?;
        Ok(Self(Some(every).filter(|every| !every.is_zero())))
    }
}

/// A number of bytes: `"64 MiB"`, `"512 KiB"`, or a plain number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bytes(pub u64);

impl Setting for Bytes {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        if value.is_integer() {
            return u64::read(value).map(Self);
        }
        let wrong = || format!("write a size such as \"64 MiB\", not {}", shown(value));
        let text = value.as_str().ok_or_else(wrong)?.trim();
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let scale = match unit.trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1_u64 << 30,
            _ => return Err(wrong()),
        };
        number.parse::<u64>().ok().and_then(|number| number.checked_mul(scale)).map(Self).ok_or_else(wrong)
    }
}

macro_rules! read_from_text {
    ($($kind:ty),*) => {$(
        impl Setting for $kind {
            fn read(value: &DeValue<'_>) -> Result<Self, String> {
                let text = String::read(value)?;
                text.parse().map_err(|error| format!("{error}"))
            }
        }
    )*};
}

read_from_text!(crate::geo::Country, crate::net::Mac, crate::net::Service);

impl Setting for IpAddr {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = String::read(value)?;
        text.parse().map_err(|_| format!("`{text}` is no address: write 10.20.0.5 or 2001:db8::5"))
    }
}

impl Setting for std::net::SocketAddr {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = String::read(value)?;
        text.parse().map_err(|_| format!("`{text}` is no address with a port: write 127.0.0.1:9469 or [::1]:9469"))
    }
}

/// A range, or a single address as a range of one.
impl Setting for ipnet::IpNet {
    fn read(value: &DeValue<'_>) -> Result<Self, String> {
        let text = String::read(value)?;
        let single = IpAddr::from_str(&text).ok().map(Self::from);
        single
            .or_else(|| Self::from_str(&text).ok().map(|range| range.trunc()))
            .ok_or_else(|| format!("`{text}` is no range: write 10.20.0.0/16, or an address"))
    }
}

fn value_text(value: &DeValue<'_>) -> String {
    match value {
        DeValue::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| value_text(item.get_ref())).collect();
            format!("[{}]", items.join(", "))
        }
        DeValue::String(text) => toml::Value::String(text.to_string()).to_string(),
        other => shown(other),
    }
}

fn shown(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("\"{text}\""),
        DeValue::Integer(number) => number.as_str().to_owned(),
        DeValue::Float(number) => number.as_str().to_owned(),
        DeValue::Boolean(flag) => flag.to_string(),
        other => format!("a {}", other.type_str()),
    }
}

/// A duration as configuration writes it.
pub fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0 => "0 s".to_owned(),
        s if s % 3600 == 0 => format!("{} h", s / 3600),
        s if s % 60 == 0 => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}
