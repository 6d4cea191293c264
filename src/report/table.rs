//! The table beside the report: every camera and destination, as CSV (RFC 4180).
//!
//! A cell that a spreadsheet would take for a formula has an apostrophe before it. docs/report.md explains the columns.

use std::io::{self, Write};

use super::account::{CameraAbout, CameraTold, Row};
use super::inventory::cell;
use crate::device::DeviceKind;
use crate::geo::Class;

/// The columns.
pub const COLUMNS: [&str; 25] = [
    "camera",
    "camera_name",
    "site",
    "kind",
    "maker_and_model",
    "camera_address",
    "class",
    "destination",
    "destination_names",
    "country",
    "country_name",
    "owner",
    "owner_country",
    "services",
    "attempts",
    "retries",
    "answered",
    "already_open",
    "refused",
    "unanswered",
    "bytes_out",
    "bytes_in",
    "first",
    "last",
    "hours_observable",
];

/// Writes rows as they pass by.
pub struct Table<W: Write> {
    writer: csv::Writer<W>,
}

fn class_word(class: Class) -> &'static str {
    match class {
        Class::Internal => "internal",
        Class::Home => "home",
        Class::Overseas => "overseas",
        Class::Unknown => "unknown",
        Class::Special => "special",
    }
}

impl<W: Write> Table<W> {
    /// Begins with the head.
    pub fn new(out: W) -> io::Result<Self> {
        let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(out);
        writer.write_record(COLUMNS).map_err(io::Error::other)?;
        Ok(Self { writer })
    }

    fn about(about: &CameraAbout) -> [String; 6] {
        let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
        [
            cell(&about.id),
            text(&about.name),
            text(&about.site),
            about.kind.map_or("", DeviceKind::word).to_owned(),
            text(&about.make),
            text(&about.address),
        ]
    }

    /// A camera and a destination.
    pub fn row(&mut self, camera: &CameraTold, row: &Row) -> io::Result<()> {
        let place = &row.place;
        let text = |text: &Option<String>| cell(text.as_deref().unwrap_or_default());
        let number = |number: u64| number.to_string();
        let counts = &row.counts;
        let services: Vec<String> = row.services.iter().map(ToString::to_string).collect();
        let rest = [
            class_word(place.class).to_owned(),
            row.address.to_string(),
            cell(&row.names.join(" ")),
            text(&place.country),
            place.country.as_deref().map(super::words::country).unwrap_or_default(),
            text(&place.owner),
            text(&place.owner_country),
            services.join(" "),
            number(counts.attempts),
            number(counts.retries),
            number(counts.answered),
            number(counts.midstream),
            number(counts.refused),
            number(counts.unanswered),
            number(counts.bytes_out),
            number(counts.bytes_in),
            row.first.to_string(),
            row.last.to_string(),
            camera.hours.known().to_string(),
        ];
        self.writer.write_record(Self::about(&camera.about).iter().chain(&rest)).map_err(io::Error::other)
    }

    /// One row for each camera that called nobody: it is in the table too.
    pub fn quiet<'c>(&mut self, cameras: impl Iterator<Item = &'c CameraTold>) -> io::Result<()> {
        for camera in cameras {
            let mut rest = vec![String::new(); COLUMNS.len() - 6];
            if let Some(class) = rest.first_mut() {
                "none".clone_into(class);
            }
            if let Some(hours) = rest.last_mut() {
                *hours = camera.hours.known().to_string();
            }
            self.writer.write_record(Self::about(&camera.about).iter().chain(&rest)).map_err(io::Error::other)?;
        }
        Ok(())
    }

    /// Everything was written.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analyse::Counts;
    use crate::report::account::PlaceTold;
    use crate::time::Timestamp;

    #[test]
    fn no_cell_is_a_formula_and_every_row_reads_back() {
        let mut table = Table::new(Vec::new()).unwrap();
        let about = CameraAbout {
            id: "=cmd|' /C calc'!A0".to_owned(),
            site: Some("line\r\n\"two\", three".to_owned()),
            ..CameraAbout::default()
        };
        let row = Row {
            address: [192, 0, 2, 1].into(),
            names: vec!["@SUM(1)".to_owned()],
            services: Vec::new(),
            place: PlaceTold {
                class: Class::Overseas,
                country: Some("CN".to_owned()),
                owner: None,
                owner_country: None,
            },
            counts: Counts { attempts: 7, ..Counts::default() },
            first: Timestamp::from_parts(1, 0),
            last: Timestamp::from_parts(2, 0),
        };
        let camera = CameraTold::new(about);
        table.row(&camera, &row).unwrap();
        table.quiet([camera].iter()).unwrap();
        let bytes = table.finish().unwrap();
        let text = String::from_utf8(bytes.clone()).unwrap();
        assert!(text.starts_with("camera,camera_name,") && text.contains("\"line\r\n\"\"two\"\", three\""), "{text}");
        let mut reader = csv::Reader::from_reader(bytes.as_slice());
        let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        assert_eq!((&records[0][0], &records[0][8], &records[0][14]), ("'=cmd|' /C calc'!A0", "'@SUM(1)", "7"));
        assert_eq!((&records[1][6], records.len()), ("none", 2));
    }
}
