//! Alerts, what is to be told of them, and how far each sink is: their SQL.

use rusqlite::{Connection, OptionalExtension, named_params, params};

use super::error::StoreError;
use super::state::Held;
use crate::alert::{State, Transition};
use crate::time::Timestamp;

/// Deletions at once: few enough that nobody waits for long.
const BATCH: i64 = 2000;

/// Writes transitions, and their alerts as they now stand.
pub(super) fn insert(connection: &Connection, held: &[Held], wall_s: i64) -> rusqlite::Result<()> {
    let mut transitions = connection.prepare_cached(
        "INSERT OR REPLACE INTO transition (seq, alert, key, event, time, put_at, severity, summary, document)
         VALUES (:seq, :alert, :key, :event, :time, :put_at, :severity, :summary, :document)",
    )?;
    let mut alerts = connection.prepare_cached(
        "INSERT INTO alert (id, rule, severity, subject, state, since, time, seq, document)
         VALUES (:id, :rule, :severity, :subject, :state, :since, :time, :seq, :document)
         ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, subject = excluded.subject, state = excluded.state,
             since = excluded.since, time = excluded.time, seq = excluded.seq, document = excluded.document
         WHERE excluded.seq > alert.seq",
    )?;
    for Held { seq, transition, document } in held {
        let Transition { key, event, time, alert } = transition.as_ref();
        transitions.execute(named_params! {
            ":seq": *seq as i64, ":alert": alert.id, ":key": key, ":event": event.to_string(), ":time": time.as_nanos(),
            ":put_at": wall_s, ":severity": alert.severity.to_string(), ":summary": alert.summary,
            ":document": document.as_ref(),
        })?;
        alerts.execute(named_params! {
            ":id": alert.id, ":rule": alert.rule.as_ref(), ":severity": alert.severity.to_string(),
            ":subject": alert.subject, ":state": state_word(alert.state), ":since": alert.since.as_nanos(),
            ":time": time.as_nanos(), ":seq": *seq as i64, ":document": document.as_ref(),
        })?;
    }
    Ok(())
}

/// A state as the database has it.
pub(super) fn state_word(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Firing => "firing",
        State::Resolved => "resolved",
        State::Suppressed => "suppressed",
    }
}

/// Reads a document back.
pub(super) fn read(document: &str) -> Result<Transition, StoreError> {
    serde_json::from_str(document).map_err(|error| StoreError::Unreadable { what: "an alert", why: error.to_string() })
}

/// Undelivered transitions after a number, oldest first, at most `limit`.
pub(super) fn after(connection: &Connection, seq: u64, limit: usize) -> rusqlite::Result<Vec<(u64, Transition)>> {
    let sql = "SELECT seq, document FROM transition WHERE seq > ? AND document IS NOT NULL ORDER BY seq";
    numbered(connection, sql, &[&(seq as i64)], limit)
}

/// The alerts that fire, as they were last told, by the numbers of that.
pub(super) fn firing(connection: &Connection) -> rusqlite::Result<Vec<(u64, Transition)>> {
    numbered(connection, "SELECT seq, document FROM alert WHERE state = 'firing' ORDER BY seq", &[], usize::MAX)
}

/// The last transition of each alert that was told something after a number.
pub(super) fn told_after(connection: &Connection, seq: u64) -> rusqlite::Result<Vec<(u64, Transition)>> {
    let sql = "SELECT seq, document FROM alert WHERE seq > ? ORDER BY seq";
    numbered(connection, sql, &[&(seq as i64)], usize::MAX)
}

/// One that cannot be read is told and passed over: it must not hold up those after it.
fn numbered(
    connection: &Connection,
    sql: &str,
    parameters: &[&dyn rusqlite::ToSql],
    limit: usize,
) -> rusqlite::Result<Vec<(u64, Transition)>> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(parameters)?;
    let mut all = Vec::new();
    while all.len() < limit
        && let Some(row) = rows.next()?
    {
        let seq = row.get::<_, i64>(0)? as u64;
        match read(&row.get::<_, String>(1)?) {
            Ok(transition) => all.push((seq, transition)),
            Err(error) => tracing::error!(seq, %error, "a transition is passed over"),
        }
    }
    Ok(all)
}

/// The number of the last transition, 0 if there is none.
pub(super) fn last_seq(connection: &Connection) -> rusqlite::Result<u64> {
    let last = "SELECT max(coalesce((SELECT max(seq) FROM transition), 0), coalesce((SELECT max(seq) FROM sink), 0),
                           coalesce((SELECT max(seq) FROM alert), 0))";
    connection.query_row(last, [], |row| row.get::<_, i64>(0)).map(|seq| seq as u64)
}

/// The numbers of all undelivered transitions.
pub(super) fn undelivered(connection: &Connection) -> rusqlite::Result<Vec<u64>> {
    let mut statement = connection.prepare("SELECT seq FROM transition WHERE document IS NOT NULL ORDER BY seq")?;
    statement.query_map([], |row| row.get::<_, i64>(0).map(|seq| seq as u64))?.collect()
}

/// The sinks, and how far each is.
pub(super) fn sinks(connection: &Connection) -> rusqlite::Result<Vec<(String, u64)>> {
    let mut statement = connection.prepare("SELECT name, seq FROM sink")?;
    statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)? as u64)))?.collect()
}

/// Writes how far sinks are.
pub(super) fn write_sinks(connection: &Connection, sinks: &[(String, u64)]) -> rusqlite::Result<()> {
    let mut statement = connection
        .prepare_cached("INSERT INTO sink VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET seq = excluded.seq")?;
    for (name, seq) in sinks {
        statement.execute(params![name, *seq as i64])?;
    }
    Ok(())
}

/// Removes the sinks that are not among these.
pub(super) fn keep_sinks(connection: &Connection, names: &[String]) -> rusqlite::Result<()> {
    for (name, _) in sinks(connection)? {
        if !names.contains(&name) {
            connection.execute("DELETE FROM sink WHERE name = ?", [name])?;
        }
    }
    Ok(())
}

/// Lets the documents go that every sink has, up to a number; gives whether there may be more.
pub(super) fn trim(connection: &Connection, floor: u64) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "UPDATE transition SET document = NULL WHERE seq IN (
             SELECT seq FROM transition WHERE document IS NOT NULL AND seq <= ? ORDER BY seq LIMIT ?)",
    )?;
    Ok(statement.execute(params![floor as i64, BATCH])? as i64 == BATCH)
}

/// The last transition that was put in before a moment of the wall clock and is undelivered.
pub(super) fn last_put_before(connection: &Connection, wall_s: i64) -> rusqlite::Result<Option<u64>> {
    // Numbers grow with the time at which they were put in, so the search ends at the first that is later.
    let mut statement = connection
        .prepare_cached("SELECT seq, put_at FROM transition WHERE document IS NOT NULL ORDER BY seq LIMIT 100000")?;
    let mut rows = statement.query([])?;
    let mut last = None;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(1)? >= wall_s {
            break;
        }
        last = Some(row.get::<_, i64>(0)? as u64);
    }
    Ok(last)
}

/// One alert as it was last told.
pub(super) fn alert(connection: &Connection, id: &str) -> Result<Option<Transition>, StoreError> {
    let document: Option<String> =
        connection.query_row("SELECT document FROM alert WHERE id = ?", [id], |row| row.get(0)).optional()?;
    document.map(|document| read(&document)).transpose()
}

/// A number that was noted, such as when the last checkpoint was.
pub(super) fn fact(connection: &Connection, name: &str) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT value FROM fact WHERE name = ?", [name], |row| row.get(0)).optional()
}

/// Notes a number.
pub(super) fn set_fact(connection: &Connection, name: &str, value: i64) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO fact VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value")?
        .execute(params![name, value])
        .map(drop)
}

/// The latest moment of capture time that the database knows.
pub(super) fn latest(connection: &Connection) -> rusqlite::Result<Option<Timestamp>> {
    let told: Option<i64> = connection.query_row("SELECT max(time) FROM alert", [], |row| row.get(0))?;
    Ok(told.max(fact(connection, "latest")?).map(Timestamp::from_nanos))
}
