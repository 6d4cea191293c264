//! Sums by the hour, of each camera and of all: written with every checkpoint, so that nobody has to add up pairs to draw them.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Row as SqlRow, named_params, params};

use super::checkpoint::{CoverageRow, HourRow};
use crate::device::hours::REMEMBERED;
use crate::geo::Class;

/// What a camera, or all of them, came to in an hour, without internal calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HourSum {
    /// Whole hours since 1970, of capture time.
    pub hour: i64,
    /// Attempts to destinations at home.
    pub home: u64,
    /// Attempts to destinations overseas.
    pub overseas: u64,
    /// Attempts to destinations of no known country.
    pub unknown: u64,
    /// Contacts answered.
    pub answered: u64,
    /// Contacts unanswered.
    pub unanswered: u64,
    /// Contacts refused.
    pub refused: u64,
    /// Bytes from the camera.
    pub bytes_out: u64,
    /// Bytes to the camera.
    pub bytes_in: u64,
}

/// What all cameras came to in an hour, and how many of them could be observed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AllHour {
    /// Their sum.
    pub sum: HourSum,
    /// Cameras that were seen.
    pub observed: u64,
    /// Cameras that were not, though they could have been.
    pub silent: u64,
    /// Cameras of which nothing can be said.
    pub unobservable: u64,
}

impl HourSum {
    fn add(&mut self, row: &HourRow) {
        match row.class {
            Class::Home => self.home += row.counts.attempts,
            Class::Overseas => self.overseas += row.counts.attempts,
            Class::Unknown => self.unknown += row.counts.attempts,
            Class::Internal | Class::Special => return,
        }
        self.answered += row.counts.answered;
        self.unanswered += row.counts.unanswered;
        self.refused += row.counts.refused;
        self.bytes_out += row.counts.bytes_out;
        self.bytes_in += row.counts.bytes_in;
    }

    /// From the columns `hour`, `home` and so on.
    fn read(row: &SqlRow<'_>) -> rusqlite::Result<Self> {
        let count = |column| row.get::<_, i64>(column).map(|count| count as u64);
        Ok(Self {
            hour: row.get("hour")?,
            home: count("home")?,
            overseas: count("overseas")?,
            unknown: count("unknown")?,
            answered: count("answered")?,
            unanswered: count("unanswered")?,
            refused: count("refused")?,
            bytes_out: count("bytes_out")?,
            bytes_in: count("bytes_in")?,
        })
    }
}

/// Adds what a checkpoint tells of hours, within the caller's transaction.
pub(super) fn add(connection: &Connection, rows: &[HourRow]) -> rusqlite::Result<()> {
    let mut cameras: BTreeMap<(i64, &str), HourSum> = BTreeMap::new();
    let mut all: BTreeMap<i64, HourSum> = BTreeMap::new();
    for row in rows.iter().filter(|row| matches!(row.class, Class::Home | Class::Overseas | Class::Unknown)) {
        cameras.entry((row.hour, &row.camera)).or_default().add(row);
        all.entry(row.hour).or_default().add(row);
    }
    let mut put = connection.prepare_cached(
        "INSERT INTO camera_hour VALUES (:hour, :camera, :home, :overseas, :unknown, :answered, :unanswered, :refused,
             :bytes_out, :bytes_in)
         ON CONFLICT (hour, camera) DO UPDATE SET home = home + excluded.home, overseas = overseas + excluded.overseas,
             unknown = unknown + excluded.unknown, answered = answered + excluded.answered,
             unanswered = unanswered + excluded.unanswered, refused = refused + excluded.refused,
             bytes_out = bytes_out + excluded.bytes_out, bytes_in = bytes_in + excluded.bytes_in",
    )?;
    for ((hour, name), sum) in cameras {
        let camera = camera_of(connection, name, hour)?;
        put.execute(named_params! {
            ":hour": hour, ":camera": camera, ":home": sum.home as i64, ":overseas": sum.overseas as i64,
            ":unknown": sum.unknown as i64, ":answered": sum.answered as i64, ":unanswered": sum.unanswered as i64,
            ":refused": sum.refused as i64, ":bytes_out": sum.bytes_out as i64, ":bytes_in": sum.bytes_in as i64,
        })?;
    }
    let mut put = connection.prepare_cached(
        "INSERT INTO hour_sum (hour, home, overseas, unknown, answered, unanswered, refused, bytes_out, bytes_in)
         VALUES (:hour, :home, :overseas, :unknown, :answered, :unanswered, :refused, :bytes_out, :bytes_in)
         ON CONFLICT (hour) DO UPDATE SET home = home + excluded.home, overseas = overseas + excluded.overseas,
             unknown = unknown + excluded.unknown, answered = answered + excluded.answered,
             unanswered = unanswered + excluded.unanswered, refused = refused + excluded.refused,
             bytes_out = bytes_out + excluded.bytes_out, bytes_in = bytes_in + excluded.bytes_in",
    )?;
    for (hour, sum) in all {
        put.execute(named_params! {
            ":hour": hour, ":home": sum.home as i64, ":overseas": sum.overseas as i64, ":unknown": sum.unknown as i64,
            ":answered": sum.answered as i64, ":unanswered": sum.unanswered as i64, ":refused": sum.refused as i64,
            ":bytes_out": sum.bytes_out as i64, ":bytes_in": sum.bytes_in as i64,
        })?;
    }
    Ok(())
}

/// Counts the cameras of the hours of which coverage was written, once it was.
pub(super) fn count_coverage(connection: &Connection, rows: &[CoverageRow]) -> rusqlite::Result<()> {
    let mut hours: Vec<i64> = rows.iter().map(|row| row.hour).collect();
    hours.dedup();
    hours.sort_unstable();
    hours.dedup();
    for hour in hours {
        connection.prepare_cached("INSERT OR IGNORE INTO hour_sum (hour) VALUES (?)")?.execute([hour])?;
        let mut update = connection.prepare_cached(
            "UPDATE hour_sum SET (observed, silent, unobservable) =
                 (SELECT sum(state = 'observed'), sum(state = 'silent'), sum(state NOT IN ('observed', 'silent'))
                  FROM coverage WHERE hour = ?1)
             WHERE hour = ?1",
        )?;
        update.execute([hour])?;
    }
    Ok(())
}

/// The number of a camera, which is made where it has none.
fn camera_of(connection: &Connection, name: &str, hour: i64) -> rusqlite::Result<i64> {
    let mut find = connection.prepare_cached("SELECT id, last_hour FROM camera WHERE name = ?")?;
    let known: Option<(i64, i64)> = find.query_row([name], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    match known {
        None => {
            connection.prepare_cached("INSERT INTO camera (name, last_hour) VALUES (?, ?)")?.insert(params![name, hour])
        }
        Some((id, last)) => {
            if hour > last {
                connection
                    .prepare_cached("UPDATE camera SET last_hour = ? WHERE id = ?")?
                    .execute(params![hour, id])?;
            }
            Ok(id)
        }
    }
}

/// Sums of all cameras in the hours `from..to`, in order; hours of which nothing is known are not among them.
pub(super) fn of_all(connection: &Connection, from: i64, to: i64) -> rusqlite::Result<Vec<AllHour>> {
    let mut statement =
        connection.prepare_cached("SELECT * FROM hour_sum WHERE hour >= ? AND hour < ? ORDER BY hour")?;
    let rows = statement.query_map([from, to], |row| {
        let count = |column| row.get::<_, i64>(column).map(|count| count as u64);
        Ok(AllHour {
            sum: HourSum::read(row)?,
            observed: count("observed")?,
            silent: count("silent")?,
            unobservable: count("unobservable")?,
        })
    })?;
    rows.collect()
}

/// Sums of one camera in the hours `from..to`, in order, without those in which it called nobody outside.
pub(super) fn of_camera(connection: &Connection, name: &str, from: i64, to: i64) -> rusqlite::Result<Vec<HourSum>> {
    let mut find = connection.prepare_cached("SELECT id FROM camera WHERE name = ?")?;
    let Some(camera) = find.query_row([name], |row| row.get::<_, i64>(0)).optional()? else { return Ok(Vec::new()) };
    // Hour by hour: all rows of the hours would be those of every camera.
    let mut statement = connection.prepare_cached("SELECT * FROM camera_hour WHERE hour = ? AND camera = ?")?;
    let mut all = Vec::new();
    for hour in from.max(to - REMEMBERED)..to {
        all.extend(statement.query_row([hour, camera], HourSum::read).optional()?);
    }
    Ok(all)
}

/// The oldest hour that is kept.
pub(super) fn oldest(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT min(hour) FROM hour_sum", [], |row| row.get(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::schema::{self, tests::at_version};
    use crate::store::testing::hour;

    fn of_class(class: Class, row: HourRow) -> HourRow {
        HourRow { class, ..row }
    }

    #[test]
    fn sums_are_those_of_the_pairs_and_grow_with_each_checkpoint() {
        let mut connection = Connection::open_in_memory().unwrap();
        schema::migrate(&mut connection).unwrap();
        let rows = [
            hour(7, "gate", "192.0.2.1", 5),
            of_class(Class::Home, hour(7, "gate", "192.0.2.2", 3)),
            of_class(Class::Internal, hour(7, "gate", "internal", 50)),
            of_class(Class::Unknown, hour(7, "park", "192.0.2.3", 2)),
        ];
        add(&connection, &rows).unwrap();
        add(&connection, &[hour(7, "gate", "192.0.2.1", 1), hour(9, "gate", "192.0.2.1", 4)]).unwrap();
        let gate = of_camera(&connection, "gate", 0, 10).unwrap();
        assert_eq!(
            gate.iter().map(|sum| (sum.hour, sum.home, sum.overseas)).collect::<Vec<_>>(),
            [(7, 3, 6), (9, 0, 4)]
        );
        assert_eq!(gate[0].unanswered, 9);
        assert_eq!(of_camera(&connection, "nobody", 0, 10).unwrap(), []);
        let all = of_all(&connection, 0, 9).unwrap();
        assert_eq!((all.len(), all[0].sum.overseas, all[0].sum.home, all[0].sum.unknown), (1, 6, 3, 2));
        assert_eq!(oldest(&connection).unwrap(), Some(7));
    }

    #[test]
    fn what_was_kept_before_there_were_sums_is_added_up() {
        let mut old = Connection::open_in_memory().unwrap();
        at_version(&mut old, 3);
        old.execute_batch(
            "INSERT INTO pair VALUES (1, 'gate', '192.0.2.1', '[]', '[]', 9), (2, 'gate', 'internal', '[]', '[]', 9);
             INSERT INTO place VALUES (1, 'overseas', 'CN', '', ''), (2, 'internal', '', '', '');
             INSERT INTO hour VALUES (8, 1, 1, 5, 0, 0, 1, 4, 0, 0, 300, 7, 0, 1), (9, 1, 1, 6, 0, 0, 0, 6, 0, 0, 300, 0, 0, 1),
                 (9, 2, 2, 90, 0, 0, 0, 6, 0, 0, 300, 0, 0, 1);
             INSERT INTO coverage VALUES (9, 'gate', 'observed'), (9, 'park', 'silent'), (9, 'yard', 'loss');",
        )
        .unwrap();
        schema::migrate(&mut old).unwrap();
        let gate = of_camera(&old, "gate", 0, 10).unwrap();
        assert_eq!(
            gate.iter().map(|sum| (sum.hour, sum.overseas, sum.home)).collect::<Vec<_>>(),
            [(8, 5, 0), (9, 6, 0)]
        );
        let all = of_all(&old, 9, 10).unwrap();
        assert_eq!((all[0].sum.overseas, all[0].observed, all[0].silent, all[0].unobservable), (6, 1, 1, 1));
        add(&old, &[hour(9, "gate", "192.0.2.1", 1)]).unwrap();
        assert_eq!(of_camera(&old, "gate", 9, 10).unwrap()[0].overseas, 7, "it goes on under the same number");
    }
}
