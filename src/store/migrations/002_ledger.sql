-- The ledger by the hour, the inventory, and which cameras could be observed.

-- A camera and whom it called; names and services as JSON lists.
CREATE TABLE pair (
    id          INTEGER PRIMARY KEY,
    camera      TEXT NOT NULL,
    destination TEXT NOT NULL,
    names       TEXT NOT NULL,
    services    TEXT NOT NULL,
    last_hour   INTEGER NOT NULL,
    UNIQUE (camera, destination)
);
CREATE INDEX pair_last_hour ON pair (last_hour);

-- Where and whose a destination was in an hour: shared by many hours. Empty for not known, so that each is there once.
CREATE TABLE place (
    id            INTEGER PRIMARY KEY,
    class         TEXT NOT NULL,
    country       TEXT NOT NULL,
    owner         TEXT NOT NULL,
    owner_country TEXT NOT NULL,
    UNIQUE (class, country, owner, owner_country)
);

CREATE TABLE hour (
    hour       INTEGER NOT NULL, -- whole hours since 1970
    pair       INTEGER NOT NULL,
    place      INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    retries    INTEGER NOT NULL,
    answered   INTEGER NOT NULL,
    refused    INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    midstream  INTEGER NOT NULL,
    pulses     INTEGER NOT NULL,
    bytes_out  INTEGER NOT NULL,
    bytes_in   INTEGER NOT NULL,
    first      INTEGER NOT NULL, -- milliseconds from the beginning of the hour
    last       INTEGER NOT NULL,
    PRIMARY KEY (hour, pair)
) WITHOUT ROWID;

CREATE TABLE device (
    id       TEXT PRIMARY KEY,
    first    INTEGER NOT NULL,
    last     INTEGER NOT NULL,
    document TEXT NOT NULL
);
CREATE INDEX device_last ON device (last);

CREATE TABLE coverage (
    hour   INTEGER NOT NULL,
    camera TEXT NOT NULL,
    state  TEXT NOT NULL,
    PRIMARY KEY (hour, camera)
) WITHOUT ROWID;
