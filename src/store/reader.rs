//! Reading what is kept: by connections of their own, so that a slow page never holds up the writer.
//!
//! Everything here blocks on the disk: call it from a thread that may, such as by `tokio::task::spawn_blocking`.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::checkpoint::{CoverageRow, DeviceRow, HourRow};
use super::error::StoreError;
use super::file::Place;
use super::moment::Moment;
use super::people::{self, AuditRow, SuppressionRow};
use super::state::Shared;
use super::sums::{self, AllHour, HourSum};
use super::transitions::{self, state_word};
use super::{ledger, schema};
use crate::alert::{State, Transition};
use crate::time::Timestamp;

/// Rows that are read at once.
const PAGE: usize = 2000;

/// What was told of an alert, without the evidence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Told {
    /// Its place in the order of all.
    pub seq: u64,
    /// Tells it from all others.
    pub key: String,
    /// Why it was told: `firing`, `update`, `acknowledged`, `resolved`.
    pub event: String,
    /// When, in capture time.
    pub time: Timestamp,
    /// How bad it was then.
    pub severity: String,
    /// Why, in a sentence.
    pub summary: String,
}

/// Opaque pieces to continue from, and what was told since.
#[derive(Debug, Default)]
pub struct Restored {
    /// Until when the pieces are, in capture time; none: there is nothing to continue from.
    pub time: Option<Timestamp>,
    /// The pieces.
    pub rows: Vec<RestoredRow>,
    /// The last transition of each alert that was told something after that, in the order in which they were; without
    /// pieces, of each alert that fires.
    pub transitions: Vec<Transition>,
}

/// An opaque piece of the analyser's state, read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoredRow {
    /// What kind of piece.
    pub part: String,
    /// Which one.
    pub key: Vec<u8>,
    /// What it is.
    pub bytes: Vec<u8>,
}

/// Reads what is kept.
#[derive(Clone)]
pub struct Reader {
    pub(super) shared: Arc<Shared>,
}

impl Reader {
    /// Of a file that another process keeps, which is not disturbed by it.
    pub fn of_file(path: &Path) -> Result<Self, StoreError> {
        let reader = Self { shared: Arc::new(Shared::new(Place::File(path.to_owned()), 1)) };
        let path = path.to_owned();
        match schema::look(&reader.open()?)? {
            (schema::Found::Newer(found), _) => Err(StoreError::Newer { path, found, known: schema::VERSION }),
            (schema::Found::Foreign, _) => Err(StoreError::Foreign { path }),
            (schema::Found::Ready, version) if version < schema::VERSION => {
                Err(StoreError::Unreadable { what: "its schema", why: "it is older: start the daemon once".to_owned() })
            }
            (schema::Found::Ready, _) => Ok(reader),
        }
    }

    fn open(&self) -> Result<Connection, StoreError> {
        let connection = self.shared.place.read();
        connection.map_err(|error| match self.shared.lock().trouble() {
            Some((_, why)) => StoreError::CannotWrite(why),
            None => error.into(),
        })
    }

    /// One moment of everything.
    pub fn moment(&self) -> Result<Moment, StoreError> {
        Moment::new(self.open()?)
    }

    /// Gives each row of the hours `from..to` (whole hours since 1970), in the order of time, until told to stop.
    ///
    /// Names and services are all that the pair ever had; country and owner are those of the hour.
    pub fn hours(
        &self,
        from: i64,
        to: i64,
        mut each: impl FnMut(HourRow) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let connection = self.open()?;
        let mut after = (from, i64::MIN);
        loop {
            let rows = ledger::hours(&connection, after, to, PAGE)?;
            let last = rows.last().map(|(place, _)| *place);
            for (_, row) in rows {
                if each(row).is_break() {
                    return Ok(());
                }
            }
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// Gives what is known of each camera in the hours `from..to`, in the order of time, until told to stop.
    pub fn coverage(
        &self,
        from: i64,
        to: i64,
        mut each: impl FnMut(CoverageRow) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let connection = self.open()?;
        let mut after = (from, String::new());
        loop {
            let rows = ledger::coverage(&connection, (after.0, &after.1), to, PAGE)?;
            let last = rows.last().map(|row| (row.hour, row.camera.clone()));
            for row in rows {
                if each(row).is_break() {
                    return Ok(());
                }
            }
            match last {
                Some(last) => after = last,
                None => return Ok(()),
            }
        }
    }

    /// The inventory, by id.
    pub fn devices(&self) -> Result<Vec<DeviceRow>, StoreError> {
        ledger::devices(&self.open()?)
    }

    /// Alerts that were last told of between two moments, the newest first, at most `limit`; in one state, or all. Firing
    /// ones are there however long ago they were told.
    pub fn alerts(
        &self,
        from: Timestamp,
        to: Timestamp,
        state: Option<State>,
        limit: usize,
    ) -> Result<Vec<Transition>, StoreError> {
        let connection = self.open()?;
        let mut statement = connection.prepare(
            "SELECT document FROM alert WHERE (time >= ?1 OR state = 'firing') AND since < ?2 AND (?3 IS NULL OR state = ?3)
             ORDER BY time DESC, seq DESC LIMIT ?4",
        )?;
        let bounds = params![from.as_nanos(), to.as_nanos(), state.map(state_word), limit as i64];
        let rows = statement.query_map(bounds, |row| row.get::<_, String>(0))?;
        rows.map(|document| transitions::read(&document?)).collect()
    }

    /// An alert as it was last told, and what was told of it, in order.
    pub fn alert(&self, id: &str) -> Result<Option<(Transition, Vec<Told>)>, StoreError> {
        let connection = self.open()?;
        let Some(alert) = transitions::alert(&connection, id)? else { return Ok(None) };
        let mut statement = connection
            .prepare("SELECT seq, key, event, time, severity, summary FROM transition WHERE alert = ? ORDER BY seq")?;
        let rows = statement.query_map([id], |row| {
            Ok(Told {
                seq: row.get::<_, i64>(0)? as u64,
                key: row.get(1)?,
                event: row.get(2)?,
                time: Timestamp::from_nanos(row.get(3)?),
                severity: row.get(4)?,
                summary: row.get(5)?,
            })
        })?;
        Ok(Some((alert, rows.collect::<rusqlite::Result<_>>()?)))
    }

    /// Every run-time suppression, ended ones too, in the order of their beginning.
    pub fn suppressions(&self) -> Result<Vec<SuppressionRow>, StoreError> {
        people::suppressions(&self.open()?)
    }

    /// What people did, the newest first: `limit` rows after the first `offset`, and how many there are.
    pub fn audit(&self, offset: usize, limit: usize) -> Result<(Vec<AuditRow>, u64), StoreError> {
        Ok(people::audit(&self.open()?, offset, limit)?)
    }

    /// Sums of all cameras in the hours `from..to` (whole hours since 1970), in order; hours of which nothing is known are
    /// not among them.
    pub fn hour_sums(&self, from: i64, to: i64) -> Result<Vec<AllHour>, StoreError> {
        Ok(sums::of_all(&self.open()?, from, to)?)
    }

    /// Sums of one camera in the hours `from..to`, in order, without those in which it called nobody outside. The last 32
    /// days are kept.
    pub fn camera_hours(&self, camera: &str, from: i64, to: i64) -> Result<Vec<HourSum>, StoreError> {
        Ok(sums::of_camera(&self.open()?, camera, from, to)?)
    }

    /// The oldest hour of which something is kept.
    pub fn oldest_hour(&self) -> Result<Option<i64>, StoreError> {
        Ok(sums::oldest(&self.open()?)?)
    }

    /// A number that was noted.
    pub fn noted(&self, name: &str) -> Result<Option<i64>, StoreError> {
        Ok(transitions::fact(&self.open()?, name)?)
    }

    /// The pieces of the last checkpoint, if they are of `format`, and what was told after it.
    pub fn restore(&self, format: u32) -> Result<Restored, StoreError> {
        let connection = self.open()?;
        // One moment for all of it.
        let connection = connection.unchecked_transaction()?;
        let told = |all: Vec<(u64, Transition)>| all.into_iter().map(|(_, transition)| transition).collect();
        let mark = match ledger::mark(&connection)? {
            Some(mark) if mark.format == format => mark,
            other => {
                if let Some(other) = other {
                    tracing::warn!(
                        found = other.format,
                        known = format,
                        "the checkpoint is of another format: rhythms and windows are learned anew; alerts, ledger and \
                         inventory stay"
                    );
                }
                return Ok(Restored { transitions: told(transitions::firing(&connection)?), ..Restored::default() });
            }
        };
        let mut statement = connection.prepare("SELECT part, key, bytes FROM checkpoint")?;
        let rows = statement
            .query_map([], |row| Ok(RestoredRow { part: row.get(0)?, key: row.get(1)?, bytes: row.get(2)? }))?;
        let rows = rows.collect::<rusqlite::Result<_>>()?;
        let transitions = told(transitions::told_after(&connection, mark.seq)?);
        Ok(Restored { time: Some(mark.time), rows, transitions })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::checkpoint::{Checkpoint, Destination};
    use crate::store::testing::{checkpoint, eventually, hour, transition};
    use crate::store::{Store, StoreOptions};

    fn all_hours(store: &Store, from: i64, to: i64) -> Vec<HourRow> {
        let mut all = Vec::new();
        let each = |row| {
            all.push(row);
            ControlFlow::Continue(())
        };
        store.reader().hours(from, to, each).unwrap();
        all
    }

    /// Gives a checkpoint and waits until it is written.
    fn keep(store: &Store, checkpoint: Checkpoint) {
        let before = store.stats().checkpoints;
        store.checkpoint(checkpoint);
        eventually(|| store.stats().checkpoints > before);
    }

    #[test]
    fn hours_add_up_and_keep_where_it_was_at_the_time() {
        let store = Store::open(StoreOptions::default()).unwrap();
        let mut first = checkpoint(1, true, &[]);
        first.hours = vec![hour(10, "gate", "192.0.2.1", 3), hour(10, "gate", "internal", 100)];
        keep(&store, first);
        let mut later = checkpoint(1, false, &[]);
        let mut more = hour(10, "gate", "192.0.2.1", 4);
        more.names = vec!["other.example".to_owned()];
        more.services = vec!["tcp/443".parse().unwrap(), "udp/53".parse().unwrap()];
        (more.first, more.last) = (more.first - Duration::from_secs(1), more.last + Duration::from_secs(9));
        let mut moved = hour(11, "gate", "192.0.2.1", 1);
        (moved.country, moved.owner) = (None, Some("another".to_owned()));
        later.hours = vec![more.clone(), moved, hour(12, "gate", "2001:db8::1", 1)];
        keep(&store, later);
        let all = all_hours(&store, 10, 12);
        assert_eq!(all.len(), 3, "{all:?}");
        let row = &all[0];
        assert_eq!(
            (row.counts.attempts, row.counts.retries, row.counts.unanswered, row.counts.bytes_out),
            (7, 4, 7, 420)
        );
        assert_eq!((row.first, row.last), (more.first, more.last));
        assert_eq!(row.names, ["cloud.example", "other.example"]);
        assert_eq!(row.services.iter().map(ToString::to_string).collect::<Vec<_>>(), ["tcp/443", "udp/53"]);
        assert_eq!((row.country.as_deref(), row.owner_country.as_deref()), (Some("CN"), Some("CN")));
        assert_eq!(all[1].destination, Destination::Internal);
        assert_eq!((all[2].country.as_deref(), all[2].owner.as_deref()), (None, Some("another")));
        assert_eq!(all_hours(&store, 12, 99)[0].destination.to_string(), "2001:db8::1");
        assert!(all_hours(&store, 13, 99).is_empty());
        let mut seen = 0;
        let stop = |_| {
            seen += 1;
            ControlFlow::Break(())
        };
        store.reader().hours(0, 99, stop).unwrap();
        assert_eq!(seen, 1, "it stops when told to");
    }

    #[test]
    fn more_hours_than_are_read_at_once_come_in_order() {
        let store = Store::open(StoreOptions::default()).unwrap();
        let mut many = checkpoint(1, true, &[]);
        let count = PAGE as i64 * 2 + 5;
        many.hours = (0..count).map(|number| hour(number % 7, &format!("c{number}"), "192.0.2.1", 1)).collect();
        many.coverage = (0..count)
            .map(|number| CoverageRow { hour: number % 7, camera: format!("c{number}"), state: "observed".to_owned() })
            .collect();
        keep(&store, many);
        let all = all_hours(&store, 0, 7);
        assert_eq!(all.len() as i64, count);
        assert!(all.is_sorted_by_key(|row| row.hour));
        let mut coverage = Vec::new();
        let each = |row| {
            coverage.push(row);
            ControlFlow::Continue(())
        };
        store.reader().coverage(2, 4, each).unwrap();
        assert_eq!(coverage.len(), (0..count).filter(|number| (2..4).contains(&(number % 7))).count());
        let connection = store.reader().open().unwrap();
        let rows: i64 = connection.query_row("SELECT count(*) FROM hour", [], |row| row.get(0)).unwrap();
        assert_eq!(rows, count);
    }

    #[test]
    fn devices_and_coverage_are_as_they_are_known_now() {
        let store = Store::open(StoreOptions::default()).unwrap();
        let device = |last: i64| DeviceRow {
            id: "gate".to_owned(),
            first: Timestamp::from_parts(1, 0),
            last: Timestamp::from_parts(last, 0),
            document: serde_json::json!({ "id": "gate", "last": last }),
        };
        let coverage = |state: &str| CoverageRow { hour: 3, camera: "gate".to_owned(), state: state.to_owned() };
        for (last, state) in [(5, "silent"), (6, "observed")] {
            let mut one = checkpoint(1, true, &[]);
            (one.devices, one.coverage) = (vec![device(last)], vec![coverage(state)]);
            keep(&store, one);
        }
        assert_eq!(store.reader().devices().unwrap(), [device(6)]);
        let mut known = Vec::new();
        let each = |row| {
            known.push(row);
            ControlFlow::Continue(())
        };
        store.reader().coverage(0, 99, each).unwrap();
        assert_eq!(known, [coverage("observed")]);
    }

    #[test]
    fn alerts_are_found_by_time_and_state() {
        let store = Store::open(StoreOptions::default()).unwrap();
        store.put(vec![
            transition("long", 1, State::Firing),
            transition("early", 2, State::Resolved),
            transition("late", 9, State::Resolved),
        ]);
        let time = |second| Timestamp::from_parts(second, 0);
        let found = |from, to, state, limit| -> Vec<String> {
            let found = store.reader().alerts(time(from), time(to), state, limit).unwrap();
            found.into_iter().map(|told| told.alert.id).collect()
        };
        assert_eq!(found(0, 99, None, 9), ["late", "early", "long"]);
        assert_eq!(found(5, 99, None, 9), ["late", "long"], "one that fires is there however long it does");
        assert_eq!(found(0, 99, Some(State::Resolved), 9), ["late", "early"]);
        assert_eq!(found(0, 99, None, 1), ["late"]);
        assert!(store.reader().alert("none").unwrap().is_none());
    }
}
