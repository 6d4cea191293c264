//! A MaxMind DB file, and which of the three questions it answers.

use std::borrow::Cow;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use maxminddb::{PathElement, Reader};
use serde::Deserialize;

use super::country::Country;
use super::owners::Owner;
use super::sources::{Question, SourceInfo};

/// A configured database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum GeoError {
    /// It cannot be read.
    #[error("{file}: cannot be read: {error}: check the path and who may read it")]
    Io {
        /// The file.
        file: String,
        /// Why.
        error: std::io::Error,
    },
    /// It is no MaxMind DB.
    #[error("{file}: is no MaxMind DB file ({what}): name a .mmdb file of MaxMind, DB-IP or IPinfo")]
    NotADatabase {
        /// The file.
        file: String,
        /// What the reader says.
        what: String,
    },
    /// It answers none of the questions.
    #[error(
        "{file}: is a {kind} database, which has neither country nor owner of an address: \
         name a country, city or ASN database"
    )]
    NoAnswer {
        /// The file.
        file: String,
        /// What it calls itself.
        kind: String,
    },
    /// The source that should count is not loaded.
    #[error("country_source = \"{name}\" is none of the loaded country sources: {loaded}")]
    NoSuchSource {
        /// What was asked for.
        name: String,
        /// What there is.
        loaded: String,
    },
}

/// The bytes of a database: built in, or read from a file.
pub(super) type Bytes = Cow<'static, [u8]>;

/// An open database.
#[derive(Debug)]
pub(super) struct Database {
    reader: Reader<Bytes>,
    pub(super) info: SourceInfo,
    layout: Layout,
    pub(super) file: Option<(PathBuf, Option<SystemTime>)>,
}

/// How a record is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// `country.iso_code`: MaxMind and DB-IP, country and city.
    Nested,
    /// `country_code` at the top: ip-location-db, newer IPinfo.
    FlatCode,
    /// `country` at the top, two letters: IPinfo.
    FlatCountry,
    /// `autonomous_system_number` and `autonomous_system_organization`: MaxMind and DB-IP.
    Asn,
    /// `asn` as in "AS123", with `as_name` or `name`: IPinfo.
    TextAsn,
}

#[derive(Deserialize)]
struct TextAsn<'a> {
    asn: Option<&'a str>,
    as_name: Option<&'a str>,
    name: Option<&'a str>,
}

impl Database {
    pub(super) fn built_in(bytes: &'static [u8], info: SourceInfo) -> Option<Self> {
        let reader = Reader::from_source(Cow::Borrowed(bytes)).ok()?;
        Some(Self { reader, info, layout: Layout::FlatCode, file: None })
    }

    /// Opens a file. One file may answer two questions (IPinfo's country and ASN file): it is opened for each.
    pub(super) fn open(path: &Path) -> Result<Vec<Self>, GeoError> {
        let file = path.display().to_string();
        let modified = path.metadata().and_then(|metadata| metadata.modified()).ok();
        let bytes = std::fs::read(path).map_err(|error| GeoError::Io { file: file.clone(), error })?;
        let reader = |bytes: Vec<u8>| {
            Reader::from_source(Cow::Owned(bytes))
                .map_err(|error| GeoError::NotADatabase { file: file.clone(), what: error.to_string() })
        };
        let first = reader(bytes.clone())?;
        // The layout is what records hold, not what the file calls itself: a broken tree shows here too.
        let layouts = layouts(&first);
        let kind = first.metadata().database_type.clone();
        if layouts.is_empty() {
            return Err(GeoError::NoAnswer { file, kind });
        }
        let built_s = i64::try_from(first.metadata().build_epoch).unwrap_or(0);
        layouts
            .into_iter()
            .map(|layout| {
                let question = match layout {
                    Layout::Asn | Layout::TextAsn => Question::Owner,
                    // iptoasn's country is that of the network, not of the place.
                    _ if kind.contains("iptoasn") => Question::OwnerCountry,
                    _ => Question::Country,
                };
                let info = SourceInfo { question, name: file.clone(), built_s, attribution: kind.clone() };
                let file = Some((path.to_path_buf(), modified));
                Ok(Self { reader: reader(bytes.clone())?, info, layout, file })
            })
            .collect()
    }

    pub(super) fn country(&self, address: IpAddr) -> Option<Country> {
        let record = self.reader.lookup(address).ok()?;
        let path: &[PathElement<'_>] = match self.layout {
            Layout::Nested => &[PathElement::Key("country"), PathElement::Key("iso_code")],
            Layout::FlatCode => &[PathElement::Key("country_code")],
            Layout::FlatCountry => &[PathElement::Key("country")],
            Layout::Asn | Layout::TextAsn => return None,
        };
        record.decode_path::<&str>(path).ok()??.parse().ok()
    }

    pub(super) fn owner(&self, address: IpAddr) -> Option<Owner> {
        let record = self.reader.lookup(address).ok()?;
        if self.layout == Layout::Asn {
            let asn = record.decode::<maxminddb::geoip2::Asn<'_>>().ok()??;
            let name = asn.autonomous_system_organization.unwrap_or_default().to_owned();
            return Some(Owner { asn: asn.autonomous_system_number?, name });
        }
        let asn = record.decode::<TextAsn<'_>>().ok()??;
        let name = asn.as_name.or(asn.name).unwrap_or_default().to_owned();
        Some(Owner { asn: asn.asn?.trim_start_matches("AS").parse().ok()?, name })
    }
}

/// What the first records hold.
fn layouts(reader: &Reader<Bytes>) -> Vec<Layout> {
    let Ok(networks) = reader.networks(maxminddb::WithinOptions::default()) else { return Vec::new() };
    let mut found = Vec::new();
    for record in networks.take(100).flatten() {
        let text = |path: &[PathElement<'_>]| record.decode_path::<&str>(path).ok().flatten();
        let is_country = |text: Option<&str>| text.is_some_and(|text| text.len() == 2);
        if is_country(text(&[PathElement::Key("country"), PathElement::Key("iso_code")])) {
            found.push(Layout::Nested);
        } else if is_country(text(&[PathElement::Key("country_code")])) {
            found.push(Layout::FlatCode);
        } else if is_country(text(&[PathElement::Key("country")])) {
            found.push(Layout::FlatCountry);
        }
        if text(&[PathElement::Key("asn")]).is_some_and(|asn| asn.starts_with("AS")) {
            found.push(Layout::TextAsn);
        } else if record.decode_path::<u32>(&[PathElement::Key("autonomous_system_number")]).ok().flatten().is_some() {
            found.push(Layout::Asn);
        }
        if !found.is_empty() {
            break;
        }
    }
    found
}
