-- Alerts, what is to be told of them, and what the analyser continues from.

-- What is known of the whole: names and numbers.
CREATE TABLE fact (
    name  TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) WITHOUT ROWID;

-- Each alert as it was last told. `document` is that transition as JSON.
CREATE TABLE alert (
    id       TEXT PRIMARY KEY,
    rule     TEXT NOT NULL,
    severity TEXT NOT NULL,
    subject  TEXT NOT NULL,
    state    TEXT NOT NULL,    -- firing, resolved
    since    INTEGER NOT NULL, -- nanoseconds since 1970, of capture time, as all times here
    time     INTEGER NOT NULL,
    seq      INTEGER NOT NULL, -- of that transition
    document TEXT NOT NULL
);
CREATE INDEX alert_time ON alert (time);
CREATE INDEX alert_seq ON alert (seq);
CREATE INDEX alert_firing ON alert (seq) WHERE state = 'firing';

-- Everything that was told of alerts. `document` is there until every sink has it.
CREATE TABLE transition (
    seq      INTEGER PRIMARY KEY,
    alert    TEXT NOT NULL,
    key      TEXT NOT NULL,
    event    TEXT NOT NULL,
    time     INTEGER NOT NULL,
    put_at   INTEGER NOT NULL, -- seconds since 1970 by the wall clock
    severity TEXT NOT NULL,
    summary  TEXT NOT NULL,
    document TEXT
);
CREATE INDEX transition_alert ON transition (alert);
CREATE INDEX transition_waiting ON transition (seq) WHERE document IS NOT NULL;

-- How far each sink has delivered.
CREATE TABLE sink (
    name TEXT PRIMARY KEY,
    seq  INTEGER NOT NULL
) WITHOUT ROWID;

-- Opaque pieces of the analyser's state.
CREATE TABLE checkpoint (
    part  TEXT NOT NULL,
    key   BLOB NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (part, key)
);
