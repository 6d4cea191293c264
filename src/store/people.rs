//! What people did at run time: suppressions, and who did what.

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::checkpoint::HiddenRow;
use super::error::StoreError;
use crate::time::Timestamp;

/// A suppression that was made while camwatch ran.
#[derive(Debug, Clone, PartialEq)]
pub struct SuppressionRow {
    /// Tells it from others.
    pub id: String,
    /// From when.
    pub start: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// When somebody ended it early.
    pub ended: Option<Timestamp>,
    /// What it covers, why, and whose it is.
    pub document: serde_json::Value,
}

/// Somebody did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AuditRow {
    /// When, by the wall clock.
    pub time: Timestamp,
    /// Who.
    pub who: String,
    /// What, in a word, such as `acknowledge`.
    pub what: String,
    /// To what, and with which words.
    pub details: String,
}

pub(super) fn put_suppression(connection: &Connection, row: &SuppressionRow) -> rusqlite::Result<()> {
    let ended = row.ended.map(Timestamp::as_nanos);
    // A name that was free again: what it hid before stays on record.
    connection.execute(
        "UPDATE suppression SET id = id || ' (' || start || ')', ended = coalesce(ended, min(until, ?2))
         WHERE id = ?1 AND start <> ?2",
        params![row.id, row.start.as_nanos()],
    )?;
    connection.execute(
        "INSERT OR REPLACE INTO suppression VALUES (?, ?, ?, ?, ?)",
        params![row.id, row.start.as_nanos(), row.until.as_nanos(), ended, row.document.to_string()],
    )?;
    Ok(())
}

/// Ends one; gives whether there was such a one that had not ended.
pub(super) fn end_suppression(connection: &Connection, id: &str, at: Timestamp) -> rusqlite::Result<bool> {
    let ended = "UPDATE suppression SET ended = ?1 WHERE id = ?2 AND ended IS NULL AND until > ?1";
    Ok(connection.execute(ended, params![at.as_nanos(), id])? > 0)
}

pub(super) fn suppressions(connection: &Connection) -> Result<Vec<SuppressionRow>, StoreError> {
    let mut statement =
        connection.prepare("SELECT id, start, until, ended, document FROM suppression ORDER BY start, id")?;
    let mut rows = statement.query([])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let document = serde_json::from_str(&row.get::<_, String>(4)?)
            .map_err(|error| StoreError::Unreadable { what: "a suppression", why: error.to_string() })?;
        all.push(SuppressionRow {
            id: row.get(0)?,
            start: Timestamp::from_nanos(row.get(1)?),
            until: Timestamp::from_nanos(row.get(2)?),
            ended: row.get::<_, Option<i64>>(3)?.map(Timestamp::from_nanos),
            document,
        });
    }
    Ok(all)
}

/// Adds what an exception kept back, within the caller's transaction.
pub(super) fn add_hidden(connection: &Connection, row: &HiddenRow) -> rusqlite::Result<()> {
    let mut add = connection.prepare_cached(
        "INSERT INTO exception_hour VALUES (?, ?, ?, ?) ON CONFLICT (hour, exception) DO UPDATE SET
             findings = findings + excluded.findings, alerts = alerts + excluded.alerts",
    )?;
    add.execute(params![row.hour, row.exception, row.findings as i64, row.alerts as i64]).map(drop)
}

/// Alerts that an exception kept back in the hours `from..to`.
pub(super) fn hidden(connection: &Connection, exception: &str, from: i64, to: i64) -> rusqlite::Result<u64> {
    let sum = "SELECT coalesce(sum(alerts), 0) FROM exception_hour WHERE exception = ? AND hour >= ? AND hour < ?";
    connection.query_row(sum, params![exception, from, to], |row| row.get::<_, i64>(0)).map(|sum| sum as u64)
}

pub(super) fn put_audit(connection: &Connection, row: &AuditRow) -> rusqlite::Result<()> {
    connection.execute(
        "INSERT INTO audit (time, who, what, details) VALUES (?, ?, ?, ?)",
        params![row.time.as_nanos(), row.who, row.what, row.details],
    )?;
    Ok(())
}

/// What was done, the newest first: `limit` rows after the first `offset`, and how many there are.
pub(super) fn audit(connection: &Connection, offset: usize, limit: usize) -> rusqlite::Result<(Vec<AuditRow>, u64)> {
    let total: i64 = connection.query_row("SELECT count(*) FROM audit", [], |row| row.get(0))?;
    let mut statement = connection
        .prepare("SELECT time, who, what, details FROM audit ORDER BY time DESC, id DESC LIMIT ? OFFSET ?")?;
    let offset = i64::try_from(offset).unwrap_or(i64::MAX);
    let rows = statement.query_map([limit as i64, offset], |row| {
        let time = Timestamp::from_nanos(row.get(0)?);
        Ok(AuditRow { time, who: row.get(1)?, what: row.get(2)?, details: row.get(3)? })
    })?;
    Ok((rows.collect::<rusqlite::Result<_>>()?, total as u64))
}
