//! A country by its two letters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An ISO 3166-1 alpha-2 code.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Country([u8; 2]);

/// What was wrong with a text that should have been a country.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no country: write two letters of ISO 3166-1, as in GB{hint}")]
pub struct ParseCountryError {
    text: String,
    hint: &'static str,
}

impl Country {
    /// The United Kingdom.
    pub const GB: Self = Self(*b"GB");

    /// The two letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("??")
    }
}

impl FromStr for Country {
    type Err = ParseCountryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let upper = text.trim().to_ascii_uppercase();
        let hint = match upper.as_str() {
            "UK" | "ENGLAND" | "SCOTLAND" | "WALES" => " (did you mean GB?)",
            "EU" => " (the EU is none; list its members)",
            _ => "",
        };
        match upper.as_bytes() {
            &[a, b] if a.is_ascii_uppercase() && b.is_ascii_uppercase() && hint.is_empty() => Ok(Self([a, b])),
            _ => Err(ParseCountryError { text: text.to_owned(), hint }),
        }
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Country {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

impl Serialize for Country {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uk_is_told_from_gb() {
        assert_eq!("gb".parse(), Ok(Country::GB));
        assert!("UK".parse::<Country>().unwrap_err().to_string().contains("did you mean GB"));
        assert!("GBR".parse::<Country>().is_err());
    }
}
