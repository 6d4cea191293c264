//! What counts as one destination: an address, a name, an owner or a country.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::analyse::Pair;
use crate::settings::{Problems, Section};

/// By what destinations are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    Address,
    Name,
    Owner,
    Country,
}

/// One destination.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Target {
    Address(IpAddr),
    Name(Arc<str>),
    Owner(Arc<str>),
    Country(Arc<str>),
}

impl By {
    fn word(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Name => "name",
            Self::Owner => "owner",
            Self::Country => "country",
        }
    }

    /// Reads the key `by`: one of `allowed`, the first where it is absent.
    pub(super) fn read(section: &mut Section<'_, '_>, allowed: &[Self], problems: &mut Problems<'_>) -> Self {
        let words: Vec<(&'static str, Self)> = allowed.iter().map(|by| (by.word(), *by)).collect();
        let default = allowed.first().copied().unwrap_or(Self::Address);
        section.one_of("by", &words, problems).unwrap_or(default)
    }

    /// What a pair's calls go to; several where its address has several names, none where it is not known.
    pub(super) fn targets(self, pair: &Pair) -> Vec<Target> {
        match self {
            Self::Address => vec![Target::Address(pair.address)],
            Self::Name => pair.names.iter().map(|name| Target::Name(name.name.clone())).collect(),
            Self::Owner => pair.place.owner_text().map(|owner| Target::Owner(owner.into())).into_iter().collect(),
            Self::Country => {
                pair.place.country_text().map(|country| Target::Country(country.into())).into_iter().collect()
            }
        }
    }
}

impl Target {
    /// What kind of thing, as alerts call it.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) => "destination",
            Self::Name(_) => "name",
            Self::Owner(_) => "owner",
            Self::Country(_) => "country",
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address}"),
            Self::Name(text) | Self::Owner(text) | Self::Country(text) => f.write_str(text),
        }
    }
}
