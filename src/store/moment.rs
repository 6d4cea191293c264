//! One moment of everything that is kept, for a report: its parts belong together, and none of them is held in memory.
//!
//! The daemon goes on writing meanwhile; what it writes waits in the log beside the file until the moment is let go of.

use rusqlite::{Connection, params};

use super::error::StoreError;
use super::ledger::class_of;
use super::people::{self, SuppressionRow};
use super::reader::RestoredRow;
use super::transitions;
use crate::alert::Transition;
use crate::analyse::Counts;
use crate::device::hours::hour_of;
use crate::geo::Class;
use crate::time::Timestamp;

/// A place as hours refer to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRow {
    /// Its number.
    pub id: i64,
    /// What it means.
    pub class: Class,
    /// `CN`, or `DE or US`.
    pub country: Option<String>,
    /// Who announces it.
    pub owner: Option<String>,
    /// Where that network is registered.
    pub owner_country: Option<String>,
}

/// What a pair came to in an hour, in numbers.
#[derive(Debug, Clone, Copy)]
pub struct HourNumbers {
    /// Whole hours since 1970.
    pub hour: i64,
    /// The pair's number.
    pub pair: i64,
    /// The place's number.
    pub place: i64,
    /// What it came to.
    pub counts: Counts,
    /// Milliseconds since 1970 of the first event.
    pub first_ms: i64,
    /// Milliseconds since 1970 of the last event.
    pub last_ms: i64,
}

/// A camera and whom it called.
#[derive(Debug, Clone)]
pub struct PairRow {
    /// Its number.
    pub id: i64,
    /// The camera's id.
    pub camera: String,
    /// An address, or `internal`.
    pub destination: String,
    /// Names, as a JSON list.
    pub names: String,
    /// Services, as a JSON list.
    pub services: String,
}

/// A place in the order of pairs: camera and destination.
pub type PairPlace = (String, String);

/// The numbers of some pairs, in the order of camera and destination.
#[derive(Debug, Default)]
pub struct PairNumbers {
    /// The numbers.
    pub numbers: Vec<i64>,
    /// The place of the last, where there may be more.
    pub last: Option<PairPlace>,
}

/// What is known of a watched device.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WatchedRow {
    /// Its id.
    pub id: String,
    /// The word for its kind.
    pub kind: String,
    /// The name that somebody gave it.
    pub name: Option<String>,
    /// Where it is.
    pub site: Option<String>,
    /// Who made it.
    pub maker: Option<String>,
    /// What it is called by its maker.
    pub model: Option<String>,
    /// Its MAC address.
    pub mac: Option<String>,
    /// Every address that it had, as a JSON list.
    pub addresses: String,
    /// When it was last seen.
    pub last: Timestamp,
    /// When it was first seen.
    pub first: Timestamp,
}

/// A connection that sees one moment.
pub struct Moment {
    connection: Connection,
}

impl Moment {
    pub(super) fn new(connection: Connection) -> Result<Self, StoreError> {
        // Ends with the connection, which only reads.
        connection.execute_batch("BEGIN")?;
        Ok(Self { connection })
    }

    /// The last moment of capture time that was written down.
    pub fn latest(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(transitions::latest(&self.connection)?)
    }

    /// Every place.
    pub fn places(&self) -> Result<Vec<PlaceRow>, StoreError> {
        let mut statement = self.connection.prepare("SELECT id, class, country, owner, owner_country FROM place")?;
        let mut rows = statement.query([])?;
        let mut all = Vec::new();
        while let Some(row) = rows.next()? {
            let text = |at| row.get::<_, String>(at).map(|text| Some(text).filter(|text| !text.is_empty()));
            let (country, owner, owner_country) = (text(2)?, text(3)?, text(4)?);
            let class = class_of(&row.get::<_, String>(1)?)?;
            all.push(PlaceRow { id: row.get(0)?, class, country, owner, owner_country });
        }
        Ok(all)
    }

    /// Gives the numbers of the hours `from..to`, in their order. `wanted` says by a pair's number whether they are.
    pub fn hours(
        &self,
        from: i64,
        to: i64,
        wanted: impl Fn(i64) -> bool,
        mut each: impl FnMut(HourNumbers),
    ) -> Result<(), StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT pair, hour, place, attempts, retries, answered, refused, unanswered, midstream, pulses, bytes_out,
                 bytes_in, first, last FROM hour WHERE hour >= ? AND hour < ?",
        )?;
        let mut rows = statement.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            let pair = row.get(0)?;
            if !wanted(pair) {
                continue;
            }
            let number = |at| row.get::<_, i64>(at).map(|number| number as u64);
            let hour: i64 = row.get(1)?;
            let counts = Counts {
                attempts: number(3)?,
                retries: number(4)?,
                answered: number(5)?,
                refused: number(6)?,
                unanswered: number(7)?,
                midstream: number(8)?,
                pulses: number(9)?,
                bytes_out: number(10)?,
                bytes_in: number(11)?,
            };
            let start = hour.saturating_mul(3_600_000);
            let ms = |at| row.get::<_, i64>(at).map(|ms| start.saturating_add(ms));
            each(HourNumbers { hour, pair, place: row.get(2)?, counts, first_ms: ms(12)?, last_ms: ms(13)? });
        }
        Ok(())
    }

    /// The numbers of pairs that have hours from `hour` on, after a place in the order of camera and destination, at most
    /// `limit`; with the place of the last.
    pub fn pair_numbers(&self, hour: i64, after: &PairPlace, limit: usize) -> Result<PairNumbers, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT id, camera, destination FROM pair WHERE (camera, destination) > (?, ?) AND last_hour >= ?
             ORDER BY camera, destination LIMIT ?",
        )?;
        let mut rows = statement.query(params![after.0, after.1, hour, limit as i64])?;
        let mut found = PairNumbers::default();
        while let Some(row) = rows.next()? {
            found.numbers.push(row.get(0)?);
            if found.numbers.len() == limit {
                found.last = Some((row.get(1)?, row.get(2)?));
            }
        }
        Ok(found)
    }

    /// Gives the same pairs with what is known of them, in the same order.
    pub fn pairs<E: From<StoreError>>(
        &self,
        hour: i64,
        after: &PairPlace,
        limit: usize,
        mut each: impl FnMut(PairRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let sqlite = |error: rusqlite::Error| E::from(StoreError::from(error));
        let mut statement = self
            .connection
            .prepare(
                "SELECT id, camera, destination, names, services FROM pair
                 WHERE (camera, destination) > (?, ?) AND last_hour >= ? ORDER BY camera, destination LIMIT ?",
            )
            .map_err(sqlite)?;
        let mut rows = statement.query(params![after.0, after.1, hour, limit as i64]).map_err(sqlite)?;
        while let Some(row) = rows.next().map_err(sqlite)? {
            let read = || -> rusqlite::Result<PairRow> {
                Ok(PairRow {
                    id: row.get(0)?,
                    camera: row.get(1)?,
                    destination: row.get(2)?,
                    names: row.get(3)?,
                    services: row.get(4)?,
                })
            };
            each(read().map_err(sqlite)?)?;
        }
        Ok(())
    }

    /// Gives hour, camera and state of what is known of the hours `from..to`, in the order of time.
    pub fn coverage(&self, from: i64, to: i64, mut each: impl FnMut(i64, &str, &str)) -> Result<(), StoreError> {
        let mut statement = self
            .connection
            .prepare("SELECT hour, camera, state FROM coverage WHERE hour >= ? AND hour < ? ORDER BY hour, camera")?;
        let mut rows = statement.query(params![from, to])?;
        while let Some(row) = rows.next()? {
            let text = |at| Ok::<_, StoreError>(row.get_ref(at)?.as_str().unwrap_or_default());
            each(row.get(0)?, text(1)?, text(2)?);
        }
        Ok(())
    }

    /// The devices that film or call for what does, by id.
    pub fn watched(&self) -> Result<Vec<WatchedRow>, StoreError> {
        let mut statement = self.connection.prepare(
            "SELECT id, document ->> '$.kind', document ->> '$.name', document ->> '$.site',
                 coalesce(document ->> '$.brand', document ->> '$.maker'), document ->> '$.model', document ->> '$.mac',
                 document -> '$.addresses', first, last
             FROM device WHERE document ->> '$.kind' IN ('camera', 'recorder', 'doorstation') ORDER BY id",
        )?;
        let rows = statement.query_map([], |row| {
            Ok(WatchedRow {
                id: row.get(0)?,
                kind: row.get(1)?,
                name: row.get(2)?,
                site: row.get(3)?,
                maker: row.get(4)?,
                model: row.get(5)?,
                mac: row.get(6)?,
                addresses: row.get::<_, Option<String>>(7)?.unwrap_or_default(),
                first: Timestamp::from_nanos(row.get(8)?),
                last: Timestamp::from_nanos(row.get(9)?),
            })
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Alerts that held at some time between two moments, as they were last told, the latest first, at most `limit`; and how
    /// many there are in all.
    pub fn alerts(&self, from: Timestamp, to: Timestamp, limit: usize) -> Result<(Vec<Transition>, u64), StoreError> {
        let held = "(time >= ?1 OR state = 'firing') AND since < ?2";
        let bounds = params![from.as_nanos(), to.as_nanos()];
        let count = format!("SELECT count(*) FROM alert WHERE {held}");
        let count: i64 = self.connection.query_row(&count, bounds, |row| row.get(0))?;
        let mut statement = self.connection.prepare(&format!(
            "SELECT document FROM alert WHERE {held} ORDER BY state = 'firing' DESC, time DESC, seq DESC LIMIT ?3"
        ))?;
        let bounds = params![from.as_nanos(), to.as_nanos(), limit as i64];
        let rows = statement.query_map(bounds, |row| row.get::<_, String>(0))?;
        let alerts: Result<Vec<Transition>, StoreError> = rows.map(|document| transitions::read(&document?)).collect();
        Ok((alerts?, count as u64))
    }

    /// Every run-time suppression, ended ones too.
    pub fn suppressions(&self) -> Result<Vec<SuppressionRow>, StoreError> {
        people::suppressions(&self.connection)
    }

    /// Alerts that an exception of this name kept back from one moment to another, to the hour; none where the time before
    /// that was put on record is part of it.
    pub fn hidden(&self, exception: &str, from: Timestamp, to: Timestamp) -> Result<Option<u64>, StoreError> {
        if transitions::fact(&self.connection, "hidden_since")?.is_some_and(|since| from.as_nanos() < since) {
            return Ok(None);
        }
        Ok(Some(people::hidden(&self.connection, exception, hour_of(from), hour_of(to))?))
    }

    /// The pieces of one part of the last checkpoint, if it is of `format`.
    pub fn pieces(&self, format: u32, part: &str) -> Result<Vec<RestoredRow>, StoreError> {
        if transitions::fact(&self.connection, "checkpoint_format")? != Some(i64::from(format)) {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare("SELECT key, bytes FROM checkpoint WHERE part = ?")?;
        let piece =
            |row: &rusqlite::Row<'_>| Ok(RestoredRow { part: part.to_owned(), key: row.get(0)?, bytes: row.get(1)? });
        let rows = statement.query_map([part], piece)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }
}
