//! What counts as one destination: an address, a name, an owner or a country.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::alert::{Called, GroupKey, GroupKind};
use crate::analyse::{Pair, PairId};
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
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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
    pub(super) fn kind(&self) -> GroupKind {
        match self {
            Self::Address(_) => GroupKind::Destination,
            Self::Name(_) => GroupKind::Name,
            Self::Owner(_) => GroupKind::Owner,
            Self::Country(_) => GroupKind::Country,
        }
    }

    /// The same as alerts are told apart by it.
    pub(super) fn group(&self) -> GroupKey {
        GroupKey::new(self.kind(), self.to_string())
    }

    /// Who is meant where a camera called this one as the pair.
    pub(super) fn called(&self, id: PairId, pair: &Pair) -> Called {
        match self {
            Self::Address(_) | Self::Name(_) => Called::Pair(id, pair.address),
            Self::Owner(_) | Self::Country(_) => Called::Place(id, pair.address),
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
