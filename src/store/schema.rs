//! The schema's versions, and the way from each to the next.

use rusqlite::{Connection, Transaction, TransactionBehavior};

/// One file a version, in order; the database's `user_version` says how many were run.
const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/001_alerts.sql"),
    include_str!("migrations/002_ledger.sql"),
    include_str!("migrations/003_people.sql"),
    include_str!("migrations/004_sums.sql"),
    include_str!("migrations/005_hidden.sql"),
];

/// The latest version.
pub(super) const VERSION: i64 = MIGRATIONS.len() as i64;

/// What tells camwatch's databases from others: `camw`.
const APPLICATION_ID: i64 = 0x6361_6d77;

/// What a database turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// Ours, now at the latest version.
    Ready,
    /// Ours, of this later version: left as it is.
    Newer(i64),
    /// Of another program: left as it is.
    Foreign,
}

/// Brings a database to the latest version.
pub(super) fn migrate(connection: &mut Connection) -> rusqlite::Result<Found> {
    migrate_to(connection, VERSION)
}

/// Looks whose a database is and of which version; writes nothing.
pub(super) fn look(connection: &Connection) -> rusqlite::Result<(Found, i64)> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    let (application, version) = (number("application_id")?, number("user_version")?);
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let found = match (application, tables) {
        (APPLICATION_ID, _) if version > VERSION => Found::Newer(version),
        (APPLICATION_ID, _) | (0, 0) => Found::Ready,
        _ => Found::Foreign,
    };
    Ok((found, version))
}

fn migrate_to(connection: &mut Connection, wanted: i64) -> rusqlite::Result<Found> {
    let (found, version) = look(connection)?;
    if found != Found::Ready {
        return Ok(found);
    }
    let steps = (1..).zip(MIGRATIONS).filter(|(number, _)| (version + 1..=wanted).contains(number));
    for (number, sql) in steps {
        let transaction = Transaction::new(connection, TransactionBehavior::Immediate)?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.commit()?;
    }
    Ok(Found::Ready)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A database as an earlier camwatch left it.
    pub(in crate::store) fn at_version(connection: &mut Connection, version: i64) {
        assert_eq!(migrate_to(connection, version).unwrap(), Found::Ready);
    }

    fn schema_of(connection: &Connection) -> Vec<String> {
        let mut statement =
            connection.prepare("SELECT coalesce(sql, name) FROM sqlite_schema ORDER BY type, name").unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }

    #[test]
    fn every_older_version_comes_to_the_same_schema_and_keeps_its_rows() {
        let mut new = Connection::open_in_memory().unwrap();
        migrate(&mut new).unwrap();
        for version in 1..VERSION {
            let mut old = Connection::open_in_memory().unwrap();
            at_version(&mut old, version);
            old.execute_batch(
                "INSERT INTO alert VALUES ('a', 'r', 'warning', 's', 'firing', 1, 2, 3, '{}');
                 INSERT INTO transition VALUES (3, 'a', 'a#1', 'firing', 2, 0, 'warning', 'it did', '{}');
                 INSERT INTO sink VALUES ('log', 2);
                 INSERT INTO checkpoint VALUES ('pair', x'01', x'02');",
            )
            .unwrap();
            if version >= 2 {
                old.execute_batch(
                    "INSERT INTO pair VALUES (1, 'c', '192.0.2.1', '[]', '[]', 7);
                     INSERT INTO place VALUES (1, 'overseas', 'CN', '', '');
                     INSERT INTO hour VALUES (7, 1, 1, 5, 0, 0, 0, 5, 0, 0, 300, 0, 0, 1);
                     INSERT INTO device VALUES ('c', 1, 2, '{}');
                     INSERT INTO coverage VALUES (7, 'c', 'observed');",
                )
                .unwrap();
            }
            assert_eq!(migrate(&mut old).unwrap(), Found::Ready);
            assert_eq!(schema_of(&old), schema_of(&new), "from version {version}");
            let count = |table: &str| -> i64 {
                old.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0)).unwrap()
            };
            for table in ["alert", "transition", "sink", "checkpoint"] {
                assert_eq!(count(table), 1, "{table} from version {version}");
            }
            for table in ["pair", "place", "hour", "device", "coverage"] {
                assert_eq!(count(table), i64::from(version >= 2), "{table} from version {version}");
            }
        }
    }

    #[test]
    fn a_later_version_and_another_programs_are_left_alone() {
        let mut later = Connection::open_in_memory().unwrap();
        migrate(&mut later).unwrap();
        later.pragma_update(None, "user_version", VERSION + 1).unwrap();
        assert_eq!(migrate(&mut later).unwrap(), Found::Newer(VERSION + 1));
        let mut other = Connection::open_in_memory().unwrap();
        other.execute_batch("CREATE TABLE song (title TEXT)").unwrap();
        assert_eq!(migrate(&mut other).unwrap(), Found::Foreign);
    }
}
