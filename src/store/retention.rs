//! What leaves, and when: by days and by size, in small steps, the oldest hours of the ledger first.
//!
//! Days are counted back from the newest that the database knows, or from now if that is earlier: a replayed capture of
//! 2015 does not remove itself, and a packet with a date in the future removes nothing. Where room is needed, hours of the
//! future leave first; not by their date alone, as a machine that starts with a clock of 1970 has nothing but such hours.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{Connection, params};

use super::ledger::first_hour_kept;
use super::options::StoreOptions;
use crate::device::hours::{REMEMBERED, hour_of};
use crate::time::Timestamp;

/// Rows removed in one transaction.
const STEP: i64 = 2000;
/// Alerts removed in one transaction: each has transitions.
const ALERT_STEP: i64 = 100;
/// Pages given back to the file system at once.
const PAGES: i64 = 256;
/// Free pages left in the file: what comes next needs them.
const SPARE_PAGES: i64 = 128;
/// Of the allowed size this much is used at most, in percent: the rest is for what comes between two looks.
const FILL_PERCENT: u64 = 95;
/// Hours later than now by more than this many are of the future: below that, a clock may show another zone's time.
const AHEAD: i64 = 24;

/// One step.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    /// Rows removed, by table.
    pub removed: BTreeMap<&'static str, u64>,
    /// There is more to do.
    pub more: bool,
}

/// Bytes of the database, and how many of them are in use.
pub(super) fn size(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (pages, free, page) = (number("page_count")?, number("freelist_count")?, number("page_size")?);
    Ok((pages.saturating_mul(page) as u64, (pages - free).saturating_mul(page) as u64))
}

/// Removes some of what is too old, or too much.
pub(super) fn step(connection: &mut Connection, options: &StoreOptions, now: Timestamp) -> rusqlite::Result<Step> {
    let mut step = Step::default();
    let transaction = connection.transaction()?;
    step.by_age(&transaction, options, now)?;
    if step.removed.is_empty() && size(&transaction)?.1 > options.max_bytes / 100 * FILL_PERCENT {
        let hour = hour_of(now);
        step.of_the_future(&transaction, hour)?;
        if step.removed.is_empty() {
            step.oldest(&transaction, hour)?;
        }
    }
    transaction.commit()?;
    step.more = !step.removed.is_empty();
    let free: i64 = connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
    if free > SPARE_PAGES {
        let pages = (free - SPARE_PAGES).min(PAGES);
        let mut vacuum = connection.prepare(&format!("PRAGMA incremental_vacuum({pages})"))?;
        let mut rows = vacuum.query([])?;
        while rows.next()?.is_some() {}
        step.more |= free - pages > SPARE_PAGES;
    }
    Ok(step)
}

impl Step {
    fn by_age(&mut self, connection: &Connection, options: &StoreOptions, now: Timestamp) -> rusqlite::Result<()> {
        let hour = first_hour_kept(now, options.ledger_days);
        let before = |days: u64| (now - Duration::from_secs(days.saturating_mul(86_400))).as_nanos();
        self.hours_before(connection, hour, hour_of(now))?;
        // One row an hour: they stay where hours leave early to make room.
        let old = "hour IN (SELECT hour FROM hour_sum WHERE hour < ? ORDER BY hour LIMIT ?)";
        self.remove(connection, "hour_sum", old, hour)?;
        self.remove(
            connection,
            "coverage",
            "(hour, camera) IN (SELECT hour, camera FROM coverage WHERE hour < ? ORDER BY hour LIMIT ?)",
            hour,
        )?;
        let ledger = before(options.ledger_days);
        self.remove(connection, "device", "id IN (SELECT id FROM device WHERE last < ? LIMIT ?)", ledger)?;
        let alerts = before(options.alert_days);
        self.alerts_before(connection, alerts)?;
        self.remove(connection, "audit", "id IN (SELECT id FROM audit WHERE time < ? ORDER BY time LIMIT ?)", alerts)?;
        self.remove(
            connection,
            "exception_hour",
            "(hour, exception) IN (SELECT hour, exception FROM exception_hour WHERE hour < ? ORDER BY hour LIMIT ?)",
            first_hour_kept(now, options.alert_days),
        )?;
        self.remove(
            connection,
            "suppression",
            "id IN (SELECT id FROM suppression WHERE min(until, coalesce(ended, until)) < ? LIMIT ?)",
            alerts,
        )
    }

    /// Removes hours that a clock made which was ahead; what they are of is as old as if it had been seen now.
    fn of_the_future(&mut self, connection: &Connection, now: i64) -> rusqlite::Result<()> {
        let ahead = now.saturating_add(AHEAD);
        let of_pair = "(hour, pair) IN (SELECT hour, pair FROM hour WHERE hour > ? ORDER BY hour LIMIT ?)";
        self.remove(connection, "hour", of_pair, ahead)?;
        let of_camera = "(hour, camera) IN (SELECT hour, camera FROM camera_hour WHERE hour > ? ORDER BY hour LIMIT ?)";
        self.remove(connection, "camera_hour", of_camera, ahead)?;
        for table in ["pair", "camera"] {
            let known = format!("UPDATE {table} SET last_hour = ?1 WHERE last_hour > ?2");
            connection.prepare_cached(&known)?.execute([now, ahead])?;
        }
        Ok(())
    }

    /// Removes the oldest of what may leave early.
    fn oldest(&mut self, connection: &Connection, now: i64) -> rusqlite::Result<()> {
        self.hours_before(connection, i64::MAX, now)?;
        if self.removed.is_empty() {
            let oldest = "(hour, camera) IN (SELECT hour, camera FROM coverage WHERE hour < ? ORDER BY hour LIMIT ?)";
            self.remove(connection, "coverage", oldest, i64::MAX)?;
        }
        if self.removed.is_empty() {
            self.alerts_before(connection, i64::MAX)?;
        }
        if self.removed.is_empty() {
            let oldest = "id IN (SELECT id FROM audit WHERE time < ? ORDER BY time LIMIT ?)";
            self.remove(connection, "audit", oldest, i64::MAX)?;
        }
        Ok(())
    }

    fn hours_before(&mut self, connection: &Connection, hour: i64, now: i64) -> rusqlite::Result<()> {
        let oldest = "(hour, pair) IN (SELECT hour, pair FROM hour WHERE hour < ? ORDER BY hour LIMIT ?)";
        self.remove(connection, "hour", oldest, hour)?;
        let first: Option<i64> = connection.query_row("SELECT min(hour) FROM hour", [], |row| row.get(0))?;
        let old = "id IN (SELECT id FROM pair WHERE last_hour < ? ORDER BY last_hour LIMIT ?)";
        let first = first.unwrap_or(hour);
        self.remove(connection, "pair", old, first)?;
        let last = "SELECT max(hour) FROM hour WHERE hour <= ?";
        let last: Option<i64> = connection.query_row(last, [now], |row| row.get(0))?;
        let first = last.map_or(first, |last| first.max(last - REMEMBERED + 1));
        let old = "(hour, camera) IN (SELECT hour, camera FROM camera_hour WHERE hour < ? ORDER BY hour LIMIT ?)";
        self.remove(connection, "camera_hour", old, first)?;
        let old = "id IN (SELECT id FROM camera WHERE last_hour < ? ORDER BY last_hour LIMIT ?)";
        self.remove(connection, "camera", old, first)
    }

    /// Resolved alerts that were last told of before a moment, with what was told of them, if every sink has it.
    fn alerts_before(&mut self, connection: &Connection, nanos: i64) -> rusqlite::Result<()> {
        let mut find = connection.prepare_cached(
            "SELECT id FROM alert WHERE time < ? AND state = 'resolved' AND NOT EXISTS (
                 SELECT 1 FROM transition WHERE transition.alert = alert.id AND transition.document IS NOT NULL)
             ORDER BY time LIMIT ?",
        )?;
        let ids: Vec<String> =
            find.query_map(params![nanos, ALERT_STEP], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
        for id in ids {
            let transitions = connection.prepare_cached("DELETE FROM transition WHERE alert = ?")?.execute([&id])?;
            let alerts = connection.prepare_cached("DELETE FROM alert WHERE id = ?")?.execute([&id])?;
            self.note("transition", transitions);
            self.note("alert", alerts);
        }
        Ok(())
    }

    fn remove(
        &mut self,
        connection: &Connection,
        table: &'static str,
        which: &str,
        before: i64,
    ) -> rusqlite::Result<()> {
        let mut statement = connection.prepare_cached(&format!("DELETE FROM {table} WHERE {which}"))?;
        let removed = statement.execute(params![before, STEP])?;
        self.note(table, removed);
        Ok(())
    }

    fn note(&mut self, table: &'static str, removed: usize) {
        if removed > 0 {
            *self.removed.entry(table).or_default() += removed as u64;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema;

    fn database() -> Connection {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.pragma_update(None, "auto_vacuum", "INCREMENTAL").unwrap();
        schema::migrate(&mut connection).unwrap();
        connection
    }

    fn count(connection: &Connection, what: &str) -> i64 {
        connection.query_row(&format!("SELECT count(*) FROM {what}"), [], |row| row.get(0)).unwrap()
    }

    fn fill(connection: &Connection, hours: i64, pairs: i64) {
        connection
            .execute(
                "WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?2)
                 INSERT INTO pair SELECT value, 'camera', value, '[]', '[]', ?1 - 1 FROM n",
                params![hours, pairs],
            )
            .unwrap();
        connection.execute("INSERT INTO place VALUES (1, 'overseas', 'CN', '', '')", []).unwrap();
        connection
            .execute(
                "WITH RECURSIVE h(hour) AS (SELECT 0 UNION ALL SELECT hour + 1 FROM h WHERE hour < ? - 1)
                 INSERT INTO hour SELECT hour, id, 1, 5, 0, 0, 0, 5, 0, 0, 300, 0, 0, 1 FROM h, pair",
                [hours],
            )
            .unwrap();
    }

    fn until_done(connection: &mut Connection, options: &StoreOptions, now: Timestamp) -> BTreeMap<&'static str, u64> {
        let mut removed = BTreeMap::new();
        for _ in 0..10_000 {
            let step = step(connection, options, now).unwrap();
            for (table, rows) in step.removed {
                assert!(rows <= STEP as u64 * 4, "one step removed {rows} rows of {table}");
                *removed.entry(table).or_default() += rows;
            }
            if !step.more {
                return removed;
            }
        }
        panic!("retention never ends");
    }

    #[test]
    fn days_are_kept_and_no_more() {
        let mut connection = database();
        fill(&connection, 100 * 24, 5);
        connection
            .execute_batch(
                "INSERT INTO alert VALUES ('old', 'r', 'info', 's', 'resolved', 0, 0, 1, '{}');
                 INSERT INTO alert VALUES ('fires', 'r', 'info', 's', 'firing', 0, 0, 2, '{}');
                 INSERT INTO alert VALUES ('waits', 'r', 'info', 's', 'resolved', 0, 0, 3, '{}');
                 INSERT INTO transition VALUES (1, 'old', 'old#1', 'firing', 0, 0, 'info', '', NULL);
                 INSERT INTO transition VALUES (2, 'fires', 'fires#1', 'firing', 0, 0, 'info', '', NULL);
                 INSERT INTO transition VALUES (3, 'waits', 'waits#1', 'firing', 0, 0, 'info', '', '{}');
                 INSERT INTO pair VALUES (99, 'gone', '192.0.2.1', '[]', '[]', 3);
                 INSERT INTO device VALUES ('gone', 0, 5, '{}');
                 INSERT INTO coverage VALUES (3, 'gone', 'observed');
                 INSERT INTO audit VALUES (1, 5, 'me', 'ack', '');
                 INSERT INTO suppression VALUES ('s', 0, 5, NULL, '{}');
                 INSERT INTO exception_hour VALUES (3, 's', 1, 1);",
            )
            .unwrap();
        let options = StoreOptions { ledger_days: 10, alert_days: 50, ..StoreOptions::default() };
        let removed = until_done(&mut connection, &options, Timestamp::from_parts(100 * 86_400, 0));
        assert_eq!((removed["hour"], count(&connection, "hour")), (90 * 24 * 5, 10 * 24 * 5));
        assert_eq!(removed["alert"], 1);
        assert_eq!(count(&connection, "alert WHERE id IN ('fires', 'waits')"), 2, "firing and undelivered ones stay");
        for (table, rows) in
            [("pair", 5), ("device", 0), ("coverage", 0), ("audit", 0), ("suppression", 0), ("exception_hour", 0)]
        {
            assert_eq!(count(&connection, table), rows, "{table}");
        }
    }

    /// Each pair's camera in each hour, as sums.
    fn sum_up(connection: &Connection) {
        connection
            .execute_batch(
                "INSERT INTO camera SELECT id, 'camera ' || id, last_hour FROM pair;
                 INSERT INTO camera_hour SELECT hour, pair, 0, 5, 0, 0, 5, 0, 300, 0 FROM hour;
                 INSERT INTO hour_sum (hour) SELECT DISTINCT hour FROM hour;",
            )
            .unwrap();
    }

    #[test]
    fn an_hour_of_the_future_removes_nothing() {
        let mut connection = database();
        fill(&connection, 100, 5);
        connection
            .execute("INSERT INTO hour SELECT 600000, id, 1, 5, 0, 0, 0, 5, 0, 0, 300, 0, 0, 1 FROM pair", [])
            .unwrap();
        sum_up(&connection);
        until_done(&mut connection, &StoreOptions::default(), Timestamp::from_parts(100 * 3600, 0));
        assert_eq!((count(&connection, "hour"), count(&connection, "camera_hour")), (101 * 5, 101 * 5));
    }

    #[test]
    fn where_room_is_needed_hours_of_the_future_leave_first() {
        let mut connection = database();
        fill(&connection, 500, 200);
        connection.execute("UPDATE hour SET hour = 600000 + hour WHERE hour < 250", []).unwrap();
        connection.execute("UPDATE pair SET last_hour = 600249", []).unwrap();
        sum_up(&connection);
        let options = StoreOptions { max_bytes: size(&connection).unwrap().0 * 2 / 3, ..StoreOptions::default() };
        until_done(&mut connection, &options, Timestamp::from_parts(500 * 3600, 0));
        assert_eq!(count(&connection, "hour WHERE hour BETWEEN 250 AND 499"), 250 * 200);
        assert_eq!(count(&connection, "pair WHERE last_hour = 500"), 200);
    }

    #[test]
    fn the_size_is_kept_by_removing_the_oldest_hours() {
        let mut connection = database();
        fill(&connection, 500, 200);
        connection
            .execute("INSERT INTO alert VALUES ('fires', 'r', 'info', 's', 'firing', 0, 0, 2, '{}')", [])
            .unwrap();
        let before = size(&connection).unwrap().0;
        let options = StoreOptions { max_bytes: before / 2, ..StoreOptions::default() };
        let now = Timestamp::from_parts(500 * 3600, 0);
        let removed = until_done(&mut connection, &options, now);
        assert!(removed["hour"] > 40_000, "{removed:?}");
        let first: i64 = connection.query_row("SELECT min(hour) FROM hour", [], |row| row.get(0)).unwrap();
        assert!((100..450).contains(&first), "the newest stay: {first}");
        let now_bytes = size(&connection).unwrap().0;
        assert!(now_bytes <= options.max_bytes + SPARE_PAGES as u64 * 4096, "{now_bytes} of {before}");
        let nothing = StoreOptions { max_bytes: 4096, ..StoreOptions::default() };
        until_done(&mut connection, &nothing, now);
        assert_eq!((count(&connection, "hour"), count(&connection, "alert")), (0, 1), "firing alerts never leave");
    }
}
