//! Checkpoint rows, hours, devices and coverage: their SQL.

use std::time::Duration;

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, named_params, params};

use super::checkpoint::{Checkpoint, CoverageRow, Destination, DeviceRow, HourRow, join};
use super::error::StoreError;
use super::transitions::{fact, set_fact};
use super::{people, sums};
use crate::analyse::Counts;
use crate::device::hours::hour_of;
use crate::geo::Class;
use crate::net::Service;
use crate::time::Timestamp;

const NANOS_PER_MS: i64 = 1_000_000;
const MS_PER_HOUR: i64 = 3_600_000;

/// The checkpoint that can be continued from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Mark {
    pub format: u32,
    pub time: Timestamp,
    /// Every transition up to this is part of it.
    pub seq: u64,
}

/// Which checkpoint is there.
pub(super) fn mark(connection: &Connection) -> rusqlite::Result<Option<Mark>> {
    let number = |name| fact(connection, name);
    Ok(match (number("checkpoint_format")?, number("checkpoint_time")?, number("checkpoint_seq")?) {
        (Some(format), Some(time), Some(seq)) => {
            Some(Mark { format: format as u32, time: Timestamp::from_nanos(time), seq: seq as u64 })
        }
        _ => None,
    })
}

/// Writes a checkpoint within the caller's transaction; its rows only if they make a state to continue from. Gives whether
/// they did.
pub(super) fn write(
    connection: &Connection,
    checkpoint: &Checkpoint,
    seq: u64,
    rows_lost: bool,
) -> rusqlite::Result<bool> {
    let continues = mark(connection)?.is_some_and(|mark| mark.format == checkpoint.format);
    let with_rows = !rows_lost && (checkpoint.whole || continues);
    if with_rows {
        if checkpoint.whole {
            connection.execute("DELETE FROM checkpoint", [])?;
        }
        let mut put = connection.prepare_cached("INSERT OR REPLACE INTO checkpoint VALUES (?, ?, ?)")?;
        let mut remove = connection.prepare_cached("DELETE FROM checkpoint WHERE part = ? AND key = ?")?;
        for row in &checkpoint.rows {
            match &row.bytes {
                Some(bytes) => put.execute(params![row.part, row.key, bytes])?,
                None => remove.execute(params![row.part, row.key])?,
            };
        }
        set_fact(connection, "checkpoint_format", i64::from(checkpoint.format))?;
        set_fact(connection, "checkpoint_time", checkpoint.time.as_nanos())?;
        set_fact(connection, "checkpoint_seq", seq as i64)?;
    }
    for row in &checkpoint.hours {
        add_hour(connection, row)?;
    }
    sums::add(connection, &checkpoint.hours)?;
    let mut device = connection.prepare_cached("INSERT OR REPLACE INTO device VALUES (?, ?, ?, ?)")?;
    for row in &checkpoint.devices {
        device.execute(params![row.id, row.first.as_nanos(), row.last.as_nanos(), row.document.to_string()])?;
    }
    let mut coverage = connection.prepare_cached("INSERT OR REPLACE INTO coverage VALUES (?, ?, ?)")?;
    for row in &checkpoint.coverage {
        coverage.execute(params![row.hour, row.camera, row.state])?;
    }
    sums::count_coverage(connection, &checkpoint.coverage)?;
    for row in &checkpoint.hidden {
        people::add_hidden(connection, row)?;
    }
    let latest = fact(connection, "latest")?.max(Some(checkpoint.time.as_nanos()));
    set_fact(connection, "latest", latest.unwrap_or_default())?;
    Ok(with_rows)
}

fn add_hour(connection: &Connection, row: &HourRow) -> rusqlite::Result<()> {
    let (pair, place) = (pair_of(connection, row)?, place_of(connection, row)?);
    let start = row.hour.saturating_mul(MS_PER_HOUR);
    let mut statement = connection.prepare_cached(
        "INSERT INTO hour VALUES (:hour, :pair, :place, :attempts, :retries, :answered, :refused, :unanswered, :midstream,
             :pulses, :bytes_out, :bytes_in, :first, :last)
         ON CONFLICT (hour, pair) DO UPDATE SET place = excluded.place, attempts = attempts + excluded.attempts,
             retries = retries + excluded.retries, answered = answered + excluded.answered,
             refused = refused + excluded.refused, unanswered = unanswered + excluded.unanswered,
             midstream = midstream + excluded.midstream, pulses = pulses + excluded.pulses,
             bytes_out = bytes_out + excluded.bytes_out, bytes_in = bytes_in + excluded.bytes_in,
             first = min(first, excluded.first), last = max(last, excluded.last)",
    )?;
    let counts = &row.counts;
    statement.execute(named_params! {
        ":hour": row.hour, ":pair": pair, ":place": place, ":attempts": counts.attempts as i64,
        ":retries": counts.retries as i64, ":answered": counts.answered as i64, ":refused": counts.refused as i64,
        ":unanswered": counts.unanswered as i64, ":midstream": counts.midstream as i64,
        ":pulses": counts.pulses as i64, ":bytes_out": counts.bytes_out as i64, ":bytes_in": counts.bytes_in as i64,
        ":first": row.first.as_millis().saturating_sub(start), ":last": row.last.as_millis().saturating_sub(start),
    })?;
    Ok(())
}

/// The number of the row's pair, which is made, or learns the row's names and services.
fn pair_of(connection: &Connection, row: &HourRow) -> rusqlite::Result<i64> {
    let destination = row.destination.to_string();
    let mut find = connection
        .prepare_cached("SELECT id, names, services, last_hour FROM pair WHERE camera = ? AND destination = ?")?;
    let known: Option<(i64, String, String, i64)> = find
        .query_row(params![row.camera, destination], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .optional()?;
    let services: Vec<String> = row.services.iter().map(ToString::to_string).collect();
    let Some((id, names_before, services_before, last_hour)) = known else {
        let mut insert = connection.prepare_cached(
            "INSERT INTO pair (camera, destination, names, services, last_hour) VALUES (?, ?, ?, ?, ?)",
        )?;
        let (names, services) = (joined("[]", &row.names), joined("[]", &services));
        return insert.insert(params![row.camera, destination, names, services, row.hour]);
    };
    let (names, services) = (joined(&names_before, &row.names), joined(&services_before, &services));
    if names != names_before || services != services_before || row.hour > last_hour {
        let mut update =
            connection.prepare_cached("UPDATE pair SET names = ?, services = ?, last_hour = ? WHERE id = ?")?;
        update.execute(params![names, services, row.hour.max(last_hour), id])?;
    }
    Ok(id)
}

/// A JSON list with what is not in it yet.
fn joined(before: &str, more: &[String]) -> String {
    let mut all = list(before);
    join(&mut all, more.iter().cloned());
    serde_json::Value::from(all).to_string()
}

/// A JSON list of texts; what is none has nothing in it.
fn list(json: &str) -> Vec<String> {
    serde_json::from_str(json).unwrap_or_default()
}

fn place_of(connection: &Connection, row: &HourRow) -> rusqlite::Result<i64> {
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let class = class_word(row.class);
    let (country, owner, owner_country) = (text(&row.country), text(&row.owner), text(&row.owner_country));
    let mut find = connection
        .prepare_cached("SELECT id FROM place WHERE class = ? AND country = ? AND owner = ? AND owner_country = ?")?;
    let known = find.query_row(params![class, country, owner, owner_country], |row| row.get(0)).optional()?;
    if let Some(id) = known {
        return Ok(id);
    }
    connection
        .prepare_cached("INSERT INTO place (class, country, owner, owner_country) VALUES (?, ?, ?, ?)")?
        .insert(params![class, country, owner, owner_country])
}

/// The words of classes.
const CLASSES: [(&str, Class); 5] = [
    ("internal", Class::Internal),
    ("home", Class::Home),
    ("overseas", Class::Overseas),
    ("unknown", Class::Unknown),
    ("special", Class::Special),
];

fn class_word(class: Class) -> &'static str {
    CLASSES.iter().find(|(_, known)| *known == class).map_or("unknown", |(word, _)| word)
}

/// The class of a word.
pub(super) fn class_of(word: &str) -> Result<Class, StoreError> {
    let found = CLASSES.iter().find(|(known, _)| *known == word).map(|(_, class)| *class);
    found.ok_or_else(|| StoreError::Unreadable { what: "an hour", why: format!("`{word}` is no class") })
}

/// The place of a row in the order in which hours are read: hour, and number of the pair.
pub(super) type HourPlace = (i64, i64);

/// Hours before `to` and after a place, up to `limit`; each with its place.
pub(super) fn hours(
    connection: &Connection,
    after: HourPlace,
    to: i64,
    limit: usize,
) -> Result<Vec<(HourPlace, HourRow)>, StoreError> {
    let mut statement = connection.prepare_cached(
        "SELECT hour, pair, camera, destination, names, services, class, country, owner, owner_country, attempts, retries,
             answered, refused, unanswered, midstream, pulses, bytes_out, bytes_in, first, last
         FROM hour JOIN pair ON pair.id = hour.pair JOIN place ON place.id = hour.place
         WHERE (hour, pair) > (?, ?) AND hour < ? ORDER BY hour, pair LIMIT ?",
    )?;
    let mut rows = statement.query(params![after.0, after.1, to, limit as i64])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(((row.get(0)?, row.get(1)?), hour_row(row)?));
    }
    Ok(all)
}

fn hour_row(row: &SqlRow<'_>) -> Result<HourRow, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { what: "an hour", why };
    let hour: i64 = row.get(0)?;
    let destination: String = row.get("destination")?;
    let class: String = row.get("class")?;
    let known = |column| row.get::<_, String>(column).map(|text| Some(text).filter(|text| !text.is_empty()));
    let count = |column| row.get::<_, i64>(column).map(|count| count as u64);
    let moment = |column| {
        row.get::<_, i64>(column).map(|ms| {
            let since = hour.saturating_mul(MS_PER_HOUR).saturating_add(ms);
            Timestamp::from_nanos(since.saturating_mul(NANOS_PER_MS))
        })
    };
    Ok(HourRow {
        hour,
        camera: row.get("camera")?,
        destination: destination
            .parse::<Destination>()
            .map_err(|error| unreadable(format!("`{destination}`: {error}")))?,
        names: list(&row.get::<_, String>("names")?),
        country: known("country")?,
        owner: known("owner")?,
        owner_country: known("owner_country")?,
        class: class_of(&class)?,
        services: list(&row.get::<_, String>("services")?)
            .iter()
            .filter_map(|service| service.parse::<Service>().ok())
            .collect(),
        counts: Counts {
            attempts: count("attempts")?,
            retries: count("retries")?,
            answered: count("answered")?,
            refused: count("refused")?,
            unanswered: count("unanswered")?,
            midstream: count("midstream")?,
            pulses: count("pulses")?,
            bytes_out: count("bytes_out")?,
            bytes_in: count("bytes_in")?,
        },
        first: moment("first")?,
        last: moment("last")?,
    })
}

/// The inventory, by id.
pub(super) fn devices(connection: &Connection) -> Result<Vec<DeviceRow>, StoreError> {
    let mut statement = connection.prepare("SELECT id, first, last, document FROM device ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let document = serde_json::from_str(&row.get::<_, String>(3)?)
            .map_err(|error| StoreError::Unreadable { what: "a device", why: error.to_string() })?;
        let (first, last) = (Timestamp::from_nanos(row.get(1)?), Timestamp::from_nanos(row.get(2)?));
        all.push(DeviceRow { id: row.get(0)?, first, last, document });
    }
    Ok(all)
}

/// Coverage of hours before `to` and after a place in the order (hour, camera), up to `limit`.
pub(super) fn coverage(
    connection: &Connection,
    after: (i64, &str),
    to: i64,
    limit: usize,
) -> rusqlite::Result<Vec<CoverageRow>> {
    let mut statement = connection.prepare_cached(
        "SELECT hour, camera, state FROM coverage WHERE (hour, camera) > (?, ?) AND hour < ? ORDER BY hour, camera
         LIMIT ?",
    )?;
    let rows = statement.query_map(params![after.0, after.1, to, limit as i64], |row| {
        Ok(CoverageRow { hour: row.get(0)?, camera: row.get(1)?, state: row.get(2)? })
    })?;
    rows.collect()
}

/// The first hour to keep where this many days before `now` are kept.
pub(super) fn first_hour_kept(now: Timestamp, days: u64) -> i64 {
    hour_of(now - Duration::from_secs(days.saturating_mul(86_400)))
}
