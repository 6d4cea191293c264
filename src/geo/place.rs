//! The answer: where an address is, whose it is, and what that means for rules.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::country::Country;
use super::database::{Database, GeoError};
use super::owners::{Owner, Owners};
use super::sources::{Question, SourceInfo, built_in};
use crate::net::{InternalRanges, Space, space};

static COUNTRY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/country.mmdb"));
static OWNER_COUNTRY: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/owner-country.mmdb"));
static OWNERS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/as.table"));

/// What a destination is to the watchers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Private space, multicast, or a configured internal range.
    Internal,
    /// In one of the home countries.
    Home,
    /// Globally routable, in a country that is not home.
    Overseas,
    /// Globally routable, of no known country, or of one on which the sources disagree.
    Unknown,
    /// Documentation, benchmarking and the like: nobody is there.
    Special,
}

/// Where an address is and whose it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// What that means.
    pub class: Class,
    /// The countries that the sources name: one, none, or several that disagree, sorted.
    pub countries: Vec<Country>,
    /// Who announces it.
    pub owner: Option<Owner>,
    /// Where that network is registered.
    pub owner_country: Option<Country>,
}

impl Place {
    /// `CN`, or `DE or US` where sources disagree.
    pub fn country_text(&self) -> Option<String> {
        let names: Vec<&str> = self.countries.iter().map(Country::as_str).collect();
        (!names.is_empty()).then(|| names.join(" or "))
    }

    /// `AS45102 Alibaba (US) Technology Co., Ltd.`
    pub fn owner_text(&self) -> Option<String> {
        self.owner.as_ref().map(ToString::to_string)
    }
}

/// How to answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeoOptions {
    /// What is not overseas.
    pub home: Vec<Country>,
    /// What is internal, beside private space.
    pub internal: Vec<ipnet::IpNet>,
    /// Files that replace the built-in source of the question that they answer.
    pub databases: Vec<PathBuf>,
    /// The one country source that counts where several are loaded; none: all must agree.
    pub country_source: Option<String>,
}

impl Default for GeoOptions {
    fn default() -> Self {
        Self { home: vec![Country::GB], internal: Vec::new(), databases: Vec::new(), country_source: None }
    }
}

/// Country and owner of addresses.
#[derive(Debug)]
pub struct Geo {
    home: Vec<Country>,
    internal: InternalRanges,
    countries: Vec<Database>,
    owner_countries: Vec<Database>,
    owner_databases: Vec<Database>,
    owners: Option<Owners>,
    decides: Option<usize>,
}

/// Data older than this are stale.
const STALE_AFTER_S: i64 = 90 * 86_400;

impl Geo {
    /// Opens the configured databases; the built-in ones answer what those don't. Every error at once.
    pub fn open(options: &GeoOptions) -> Result<Self, Vec<GeoError>> {
        let mut geo = Self {
            home: options.home.clone(),
            internal: InternalRanges::new(options.internal.clone()),
            countries: Vec::new(),
            owner_countries: Vec::new(),
            owner_databases: Vec::new(),
            owners: None,
            decides: None,
        };
        let mut errors = Vec::new();
        for path in &options.databases {
            match Database::open(path) {
                Err(error) => errors.push(error),
                Ok(databases) => {
                    for database in databases {
                        match database.info.question {
                            Question::Country => geo.countries.push(database),
                            Question::Owner => geo.owner_databases.push(database),
                            Question::OwnerCountry => geo.owner_countries.push(database),
                        }
                    }
                }
            }
        }
        if geo.countries.is_empty() {
            geo.countries.extend(Database::built_in(COUNTRY, built_in(Question::Country)));
        }
        if geo.owner_countries.is_empty() {
            geo.owner_countries.extend(Database::built_in(OWNER_COUNTRY, built_in(Question::OwnerCountry)));
        }
        if geo.owner_databases.is_empty() {
            geo.owners = Owners::parse(OWNERS);
        }
        if let Some(name) = &options.country_source {
            geo.decides = geo.countries.iter().position(|database| database.info.name.contains(name.as_str()));
            if geo.decides.is_none() && errors.is_empty() {
                let loaded: Vec<&str> = geo.countries.iter().map(|database| database.info.name.as_str()).collect();
                errors.push(GeoError::NoSuchSource { name: name.clone(), loaded: loaded.join(", ") });
            }
        }
        if errors.is_empty() { Ok(geo) } else { Err(errors) }
    }

    /// The countries that are not overseas.
    pub fn home(&self) -> &[Country] {
        &self.home
    }

    /// The built-in data, with the United Kingdom as home.
    pub fn built_in() -> Self {
        Self::open(&GeoOptions::default()).unwrap_or_else(|_| Self {
            home: vec![Country::GB],
            internal: InternalRanges::default(),
            countries: Vec::new(),
            owner_countries: Vec::new(),
            owner_databases: Vec::new(),
            owners: None,
            decides: None,
        })
    }

    /// What is inside.
    pub fn internal(&self) -> &InternalRanges {
        &self.internal
    }

    /// Where an address is and whose it is. About a microsecond: callers look up a destination once, not per packet.
    pub fn place(&self, address: IpAddr) -> Place {
        let nowhere = |class| Place { class, countries: Vec::new(), owner: None, owner_country: None };
        if self.internal.contains(address) {
            return nowhere(Class::Internal);
        }
        if space(address) != Space::Global {
            return nowhere(Class::Special);
        }
        let address = address.to_canonical();
        let mut countries: Vec<Country> = match self.decides.and_then(|at| self.countries.get(at)) {
            Some(database) => database.country(address).into_iter().collect(),
            None => self.countries.iter().filter_map(|database| database.country(address)).collect(),
        };
        countries.sort_unstable();
        countries.dedup();
        let at_home = countries.iter().filter(|country| self.home.contains(country)).count();
        let class = match (countries.len(), at_home) {
            (0, _) => Class::Unknown,
            (_, 0) => Class::Overseas,
            (all, home) if all == home => Class::Home,
            _ => Class::Unknown,
        };
        let owner = match &self.owners {
            Some(owners) => owners.find(address),
            None => self.owner_databases.iter().find_map(|database| database.owner(address)),
        };
        let owner_country = self.owner_countries.iter().find_map(|database| database.country(address));
        Place { class, countries, owner, owner_country }
    }

    /// What answers come from, for reports.
    pub fn sources(&self) -> Vec<SourceInfo> {
        let databases = self.countries.iter().chain(&self.owner_countries).chain(&self.owner_databases);
        let built_in_owners = self.owners.as_ref().map(|_| built_in(Question::Owner));
        databases.map(|database| database.info.clone()).chain(built_in_owners).collect()
    }

    /// Sources that are more than 90 days old at `now_s` (seconds since the Unix epoch, by the wall clock).
    pub fn stale(&self, now_s: i64) -> Vec<SourceInfo> {
        self.sources().into_iter().filter(|source| now_s - source.built_s > STALE_AFTER_S).collect()
    }

    /// Whether a configured file has changed on disk since it was opened.
    pub fn has_changed(&self) -> bool {
        let databases = self.countries.iter().chain(&self.owner_countries).chain(&self.owner_databases);
        databases.filter_map(|database| database.file.as_ref()).any(|(path, opened)| {
            path.metadata().and_then(|metadata| metadata.modified()).is_ok_and(|modified| Some(modified) != *opened)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> (Class, String, String) {
        let place = Geo::built_in().place(text.parse().unwrap());
        let owner_country = place.owner_country.map(|country| country.to_string());
        (place.class, place.country_text().unwrap_or_default(), owner_country.unwrap_or_default())
    }

    #[test]
    fn place_and_owner_are_two_questions() {
        for (address, class, country, owner_country) in [
            ("47.91.72.11", Class::Overseas, "US", "CN"),
            ("8.209.65.20", Class::Overseas, "SG", "CN"),
            ("120.26.96.67", Class::Overseas, "CN", "CN"),
            ("3.250.10.20", Class::Overseas, "IE", "US"),
            ("52.56.34.1", Class::Home, "GB", "US"),
            ("212.58.244.20", Class::Home, "GB", "GB"),
            ("10.0.0.1", Class::Internal, "", ""),
            ("203.0.113.7", Class::Special, "", ""),
            ("239.255.255.250", Class::Internal, "", ""),
        ] {
            assert_eq!(place(address), (class, country.to_owned(), owner_country.to_owned()), "{address}");
        }
    }

    #[test]
    fn names_the_network() {
        let owner = |text: &str| Geo::built_in().place(text.parse().unwrap()).owner.unwrap();
        assert_eq!(owner("8.8.8.8").asn, 15169);
        assert_eq!(owner("120.26.96.67").asn, 37963);
        assert_eq!(owner("2a00:1450:4009::1").asn, 15169);
        assert!(owner("1.1.1.1").to_string().starts_with("AS13335 Cloudflare"));
    }

    #[test]
    fn configured_internal_ranges_are_internal_though_public() {
        let options = GeoOptions { internal: vec!["8.8.8.0/24".parse().unwrap()], ..GeoOptions::default() };
        let geo = Geo::open(&options).unwrap();
        assert_eq!(geo.place("8.8.8.8".parse().unwrap()).class, Class::Internal);
        assert_eq!(geo.place("8.8.4.4".parse().unwrap()).class, Class::Overseas);
    }

    #[test]
    fn sources_that_disagree_are_both_told_and_count_as_overseas_only_together() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            path
        };
        let by_place = write("by-place.mmdb", COUNTRY);
        // The owner's country, renamed so that it passes for a second opinion on the place.
        let mut other = OWNER_COUNTRY.to_vec();
        while let Some(at) = other.windows(7).position(|window| window == b"iptoasn") {
            other[at..at + 7].copy_from_slice(b"another");
        }
        let databases = vec![by_place, write("another.mmdb", &other)];
        let geo = Geo::open(&GeoOptions { databases: databases.clone(), ..GeoOptions::default() }).unwrap();
        let place = |text: &str| geo.place(text.parse().unwrap());
        assert_eq!(place("52.56.34.1").country_text().unwrap(), "GB or US");
        assert_eq!(place("52.56.34.1").class, Class::Unknown);
        assert_eq!(
            (place("3.250.10.20").country_text().unwrap().as_str(), place("3.250.10.20").class),
            ("IE or US", Class::Overseas)
        );
        let options = GeoOptions { databases, country_source: Some("by-place".to_owned()), ..GeoOptions::default() };
        assert_eq!(Geo::open(&options).unwrap().place("52.56.34.1".parse().unwrap()).class, Class::Home);
    }

    #[test]
    fn a_file_that_is_no_database_is_named_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("words.mmdb");
        std::fs::write(&path, "these are only words").unwrap();
        let options = GeoOptions { databases: vec![path, folder.path().join("gone.mmdb")], ..GeoOptions::default() };
        let errors: Vec<String> = Geo::open(&options).unwrap_err().iter().map(ToString::to_string).collect();
        assert!(errors[0].contains("words.mmdb") && errors[0].contains("no MaxMind DB"), "{errors:?}");
        assert!(errors[1].contains("gone.mmdb") && errors[1].contains("check the path"), "{errors:?}");
    }

    #[test]
    fn old_data_are_stale() {
        let geo = Geo::built_in();
        let built = geo.sources()[0].built_s;
        assert!(geo.stale(built + 80 * 86_400).is_empty());
        assert_eq!(geo.stale(built + 100 * 86_400).len(), 3);
    }
}
