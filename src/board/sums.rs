//! Whom cameras call most: over all pairs that the ledger holds.

use std::cmp::Reverse;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use ahash::{AHashMap, AHashSet};
use serde::Serialize;

use super::{Board, PairRow};
use crate::analyse::CameraId;
use crate::geo::{Class, Country, Owner};

/// Rows of each list.
const ROWS: usize = 20;

/// A country that is called.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct CountryRow {
    /// Its two letters, `DE or US` where sources disagree; none: not known.
    pub country: Option<String>,
    /// It is overseas.
    pub overseas: bool,
    /// Attempts.
    pub attempts: u64,
    /// Contacts answered.
    pub answered: u64,
    /// Cameras that call there.
    pub cameras: u64,
    /// Addresses there that are called.
    pub destinations: u64,
}

/// An owner whose addresses are called.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct OwnerRow {
    /// `AS45102 Alibaba (US) Technology Co., Ltd.`; none: not known.
    pub owner: Option<String>,
    /// Where that network is registered.
    pub owner_country: Option<String>,
    /// Attempts.
    pub attempts: u64,
    /// Cameras that call there.
    pub cameras: u64,
}

/// A name that cameras use for whom they call.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct NameRow {
    /// The name.
    pub name: String,
    /// Attempts to addresses for which a camera used it.
    pub attempts: u64,
    /// Cameras that use it.
    pub cameras: u64,
}

/// Whom cameras call most, most attempts first. Internal destinations are not among them.
#[derive(Debug, Clone, Default)]
pub struct Top {
    /// Countries.
    pub countries: Vec<CountryRow>,
    /// Owners.
    pub owners: Vec<OwnerRow>,
    /// Names.
    pub names: Vec<NameRow>,
}

/// What is called by some cameras; the pairs of a camera come together.
#[derive(Default)]
struct Called {
    attempts: u64,
    answered: u64,
    cameras: u64,
    destinations: u64,
    last: Option<CameraId>,
}

impl Called {
    fn add(&mut self, pair: &PairRow, new_address: bool) {
        self.attempts += pair.counts.attempts;
        self.answered += pair.counts.answered;
        self.cameras += u64::from(self.last.replace(pair.camera) != Some(pair.camera));
        self.destinations += u64::from(new_address);
    }
}

fn most<K: Ord + Hash>(all: AHashMap<K, Called>) -> Vec<(K, Called)> {
    let mut all: Vec<_> = all.into_iter().filter(|(_, called)| called.attempts > 0).collect();
    let order = |(key, called): &(K, Called), (other, others): &(K, Called)| {
        (Reverse(called.attempts), key).cmp(&(Reverse(others.attempts), other))
    };
    if all.len() > ROWS {
        all.select_nth_unstable_by(ROWS, order);
        all.truncate(ROWS);
    }
    all.sort_unstable_by(order);
    all
}

impl Top {
    pub(super) fn of(board: &Board) -> Self {
        let mut countries: AHashMap<(&[Country], bool), Called> = AHashMap::new();
        let mut owners: AHashMap<(Option<&Owner>, Option<Country>), Called> = AHashMap::new();
        let mut names: AHashMap<&Arc<str>, Called> = AHashMap::new();
        let mut addresses: AHashSet<IpAddr> = AHashSet::new();
        let outside = |pair: &&PairRow| !matches!(pair.place.class, Class::Internal | Class::Special);
        for pair in board.pairs.iter().filter(outside) {
            let new = addresses.insert(pair.address);
            let place = &pair.place;
            countries.entry((&place.countries, place.class == Class::Overseas)).or_default().add(pair, new);
            owners.entry((place.owner.as_ref(), place.owner_country)).or_default().add(pair, new);
            for name in board.names_of(pair) {
                names.entry(name).or_default().add(pair, new);
            }
        }
        let text = |countries: &[Country]| {
            let all: Vec<&str> = countries.iter().map(Country::as_str).collect();
            (!all.is_empty()).then(|| all.join(" or "))
        };
        Self {
            countries: most(countries)
                .into_iter()
                .map(|((countries, overseas), called)| CountryRow {
                    country: text(countries),
                    overseas,
                    attempts: called.attempts,
                    answered: called.answered,
                    cameras: called.cameras,
                    destinations: called.destinations,
                })
                .collect(),
            owners: most(owners)
                .into_iter()
                .map(|((owner, country), called)| OwnerRow {
                    owner: owner.map(ToString::to_string),
                    owner_country: country.map(|country| country.to_string()),
                    attempts: called.attempts,
                    cameras: called.cameras,
                })
                .collect(),
            names: most(names)
                .into_iter()
                .map(|(name, called)| NameRow {
                    name: name.to_string(),
                    attempts: called.attempts,
                    cameras: called.cameras,
                })
                .collect(),
        }
    }
}
