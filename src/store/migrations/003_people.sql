-- What people did at run time.

-- Suppressions that were made while it ran.
CREATE TABLE suppression (
    id       TEXT PRIMARY KEY,
    start    INTEGER NOT NULL,
    until    INTEGER NOT NULL,
    ended    INTEGER,          -- when somebody ended it early
    document TEXT NOT NULL
);

-- Who did what, and when by the wall clock.
CREATE TABLE audit (
    id      INTEGER PRIMARY KEY,
    time    INTEGER NOT NULL,
    who     TEXT NOT NULL,
    what    TEXT NOT NULL,
    details TEXT NOT NULL
);
CREATE INDEX audit_time ON audit (time);
