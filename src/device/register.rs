//! The register: the cameras that someone believes to have, as a CSV file.
//!
//! Columns `name`, `address`, `mac`, `site`, `tags`, `asset`, `expected_destinations`, `kind`; header names are matched
//! leniently ("IP Address", "MAC-Adresse", "Asset No."). A bad row is reported with its line; the rest is taken.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::{Camera, DeviceKind};
use crate::net::Mac;
use crate::settings::{Stamp, stamp};

/// Rows that are taken.
const MAX_ROWS: usize = 100_000;

/// What a column means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Column {
    Name,
    Address,
    Mac,
    Site,
    Tags,
    Asset,
    Expected,
    Kind,
}

/// Words that a header may have for a column: letters only, lower case.
const HEADERS: &[(Column, &[&str])] = &[
    (Column::Name, &["name", "camera", "cameraname", "device", "devicename", "hostname", "label", "description"]),
    (Column::Address, &["address", "addresses", "ip", "ipaddress", "ipv", "ipvaddress", "ipaddr", "ips"]),
    (Column::Mac, &["mac", "macaddress", "macaddr", "hardwareaddress", "ethernetaddress", "physicaladdress"]),
    (Column::Site, &["site", "location", "building", "place", "sitename"]),
    (Column::Tags, &["tags", "tag", "labels", "groups", "group"]),
    (Column::Asset, &["asset", "assetno", "assetnumber", "assetid", "assettag", "inventoryno", "inventorynumber"]),
    (Column::Expected, &["expecteddestinations", "expecteddestination", "expected", "destinations", "allowed"]),
    (Column::Kind, &["kind", "type", "devicetype", "devicekind"]),
];

/// A row that was not taken, or a file that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.shown())]
pub struct RowError {
    /// The file as it was named.
    pub file: String,
    /// The line, from 1; 0 when the file as a whole is meant.
    pub line: u64,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl RowError {
    fn shown(&self) -> String {
        match self.line {
            0 => format!("{}: {}", self.file, self.message),
            line => format!("{}:{line}: {}", self.file, self.message),
        }
    }
}

/// The register as it was read.
#[derive(Debug, Clone, Default)]
pub struct Register {
    /// The file.
    pub path: PathBuf,
    /// What the rows say.
    pub cameras: Vec<Camera>,
    /// The rows that were not taken.
    pub errors: Vec<RowError>,
    stamp: Option<Stamp>,
}

impl Register {
    /// Reads a file. Fails if there is none, or its header names nothing by which a device is found.
    pub fn load(path: &Path) -> Result<Self, RowError> {
        let stamp = stamp(path);
        let file = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| RowError {
            file: file.clone(),
            line: 0,
            message: format!("cannot be read: {error}: check the path, and that this user may read it"),
        })?;
        let (cameras, errors) = parse(&file, &text)?;
        Ok(Self { path: path.to_owned(), cameras, errors, stamp })
    }

    /// Takes the file as it is on disk for read: a change that cannot be used is told once.
    pub fn pass_over_change(&mut self) {
        self.stamp = stamp(&self.path);
    }

    /// Whether the file has changed on disk since it was read; one that is away now has not.
    pub fn has_changed(&self) -> bool {
        stamp(&self.path).is_some_and(|now| Some(now) != self.stamp)
    }
}

fn letters(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphabetic).collect::<String>().to_lowercase()
}

/// Reads the text of a register; `file` is what errors call it. Commas, semicolons and tabs separate.
pub fn parse(file: &str, text: &[u8]) -> Result<(Vec<Camera>, Vec<RowError>), RowError> {
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let head = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |wanted: u8| memchr::memchr_iter(wanted, head).count();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|byte| (count(*byte), *byte == b',')).unwrap_or(b',');
    let mut reader =
        csv::ReaderBuilder::new().delimiter(delimiter).flexible(true).trim(csv::Trim::All).from_reader(text);
    let error = |line: u64, message: String| RowError { file: file.to_owned(), line, message };
    let header = reader.byte_headers().map_err(|found| error(1, format!("the header cannot be read: {found}")))?;
    let columns: Vec<Option<Column>> = header
        .iter()
        .map(|field| {
            let word = letters(&String::from_utf8_lossy(field));
            HEADERS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(column, _)| *column)
        })
        .collect();
    if !columns.iter().any(|column| matches!(column, Some(Column::Address | Column::Mac))) {
        let message = "no column `address` or `mac`: the first line names the columns, as in \
                       name,address,mac,site,tags,asset,expected_destinations";
        return Err(error(1, message.to_owned()));
    }
    let (mut cameras, mut errors) = (Vec::<Camera>::new(), Vec::new());
    let mut seen = Taken::default();
    let mut record = csv::ByteRecord::new();
    loop {
        match reader.read_byte_record(&mut record) {
            Ok(false) => break,
            Ok(true) => {}
            Err(found) => {
                errors.push(error(found.position().map_or(0, csv::Position::line), found.to_string()));
                break;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        if record.iter().all(<[u8]>::is_empty) {
            continue;
        }
        if cameras.len() >= MAX_ROWS {
            errors.push(error(line, format!("more than {MAX_ROWS} rows: this and later ones are left out")));
            break;
        }
        match row(&columns, &record).and_then(|camera| seen.take(camera, line)) {
            Ok(camera) => cameras.push(camera),
            Err(message) => errors.push(error(line, message)),
        }
    }
    Ok((cameras, errors))
}

/// What earlier rows have taken, so that no two stand for one device.
#[derive(Default)]
struct Taken {
    names: ahash::AHashMap<String, u64>,
    addresses: ahash::AHashMap<IpAddr, u64>,
    macs: ahash::AHashMap<Mac, u64>,
}

impl Taken {
    fn take(&mut self, camera: Camera, line: u64) -> Result<Camera, String> {
        let again =
            |what: String, other: u64| Err(format!("{what} stands in line {other} already: this row is left out"));
        if let Some(other) = camera.mac.and_then(|mac| self.macs.get(&mac)) {
            return again(
                format!("the MAC address {}", camera.mac.map(|mac| mac.to_string()).unwrap_or_default()),
                *other,
            );
        }
        if let Some((address, other)) =
            camera.addresses.iter().find_map(|address| Some((address, self.addresses.get(address)?)))
        {
            return again(format!("the address {address}"), *other);
        }
        if let Some((name, other)) = camera.name.as_ref().and_then(|name| Some((name, self.names.get(name)?))) {
            return again(format!("the name `{name}`"), *other);
        }
        self.macs.extend(camera.mac.map(|mac| (mac, line)));
        self.addresses.extend(camera.addresses.iter().map(|address| (*address, line)));
        self.names.extend(camera.name.iter().map(|name| (name.clone(), line)));
        Ok(camera)
    }
}

fn row(columns: &[Option<Column>], record: &csv::ByteRecord) -> Result<Camera, String> {
    let mut camera = Camera::default();
    for (column, field) in columns.iter().zip(record) {
        let (Some(column), false) = (column, field.is_empty()) else { continue };
        let text = std::str::from_utf8(field)
            .map_err(|_| "not UTF-8: save the file as UTF-8 (in Excel: CSV UTF-8)".to_owned())?;
        let list = || text.split([';', '|', ' ', ',']).map(str::trim).filter(|word| !word.is_empty());
        let shown = || super::facts::clean(text).map(String::from);
        match column {
            Column::Name => camera.name = shown(),
            Column::Site => camera.site = shown(),
            Column::Asset => camera.asset = shown(),
            Column::Tags => camera.tags = list().filter_map(super::facts::clean).map(String::from).collect(),
            Column::Expected => {
                camera.expected_destinations = list().filter_map(super::facts::clean).map(String::from).collect();
            }
            Column::Mac => {
                let mac: Mac = text.parse().map_err(|error| format!("{error}"))?;
                if mac.is_group() || mac.is_zero() {
                    return Err(format!("{mac} is no device's own MAC address: write the one on its label"));
                }
                camera.mac = Some(mac);
            }
            Column::Address => {
                for word in list() {
                    let address = word.parse().map_err(|_| {
                        format!("`{word}` is no IP address: write one as in 10.20.7.31 (several with spaces between)")
                    })?;
                    camera.addresses.push(address);
                }
            }
            Column::Kind => {
                camera.kind = match letters(text).as_str() {
                    "camera" | "ipcamera" | "ipc" => DeviceKind::Camera,
                    "recorder" | "nvr" | "dvr" | "xvr" => DeviceKind::Recorder,
                    "doorstation" | "intercom" | "doorbell" => DeviceKind::Doorstation,
                    _ => return Err(format!("`{text}` is no kind: write camera, recorder or doorstation")),
                }
            }
        }
    }
    if camera.addresses.is_empty() && camera.mac.is_none() {
        return Err("neither an address nor a MAC address: the device cannot be recognised".to_owned());
    }
    Ok(camera)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_matched_leniently() {
        let text = "\u{feff}Camera Name;IP-Address;MAC address;Site;Asset No.;Tags\r\n\
                    Car park north;10.20.7.31;44-19-B6-00-00-01;Town hall;CCTV-0412;outdoor|ptz\r\n";
        let (cameras, errors) = parse("c.csv", text.as_bytes()).unwrap();
        assert_eq!(errors, []);
        let [camera] = &cameras[..] else { panic!() };
        assert_eq!(camera.name.as_deref(), Some("Car park north"));
        assert_eq!(camera.addresses, ["10.20.7.31".parse::<IpAddr>().unwrap()]);
        assert_eq!(camera.mac, "44:19:b6:00:00:01".parse().ok());
        assert_eq!((camera.site.as_deref(), camera.asset.as_deref()), (Some("Town hall"), Some("CCTV-0412")));
        assert_eq!(camera.tags, ["outdoor", "ptz"]);
    }

    #[test]
    fn every_bad_row_is_told_with_its_line_and_the_rest_is_taken() {
        let text = "name,address,mac\na,10.0.0.1,\nb,10.0.0.300,\nc,,\n\"two\nlines\",10.0.0.2,\nd,10.0.0.1,\ne,,zz\nf,,00:11:22:33:44:55\n";
        let (cameras, errors) = parse("c.csv", text.as_bytes()).unwrap();
        assert_eq!(cameras.len(), 3);
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 4, "{told:?}");
        assert!(told[0].starts_with("c.csv:3: `10.0.0.300` is no IP address"), "{}", told[0]);
        assert!(told[1].starts_with("c.csv:4: neither an address"), "{}", told[1]);
        assert!(told[2].starts_with("c.csv:7: the address 10.0.0.1 stands in line 2"), "{}", told[2]);
        assert!(told[3].starts_with("c.csv:8: `zz` is no MAC address"), "{}", told[3]);
    }

    #[test]
    fn a_file_without_addresses_is_no_register() {
        let error = parse("c.csv", b"colour,size\nred,3\n").unwrap_err();
        assert!(error.to_string().starts_with("c.csv:1: no column `address` or `mac`"), "{error}");
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
            let text = [&b"name,address,mac\n"[..], &bytes].concat();
            if let Ok((cameras, _)) = parse("c.csv", &text) {
                for camera in cameras {
                    proptest::prop_assert!(camera.name.is_none_or(|name| !name.chars().any(char::is_control)));
                }
            }
            let _ = parse("c.csv", &bytes);
        }
    }
}
