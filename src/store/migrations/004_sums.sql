-- Sums by the hour, for who draws them: of each camera for as long as hours of devices are remembered (32 days), of all
-- cameras together for as long as hours are kept. Internal calls are not among them.

CREATE TABLE camera (
    id        INTEGER PRIMARY KEY,
    name      TEXT NOT NULL UNIQUE,
    last_hour INTEGER NOT NULL
);
CREATE INDEX camera_last_hour ON camera (last_hour);

-- By the hour first: what is written at a time lies together.
CREATE TABLE camera_hour (
    hour       INTEGER NOT NULL, -- whole hours since 1970
    camera     INTEGER NOT NULL,
    home       INTEGER NOT NULL, -- attempts
    overseas   INTEGER NOT NULL,
    unknown    INTEGER NOT NULL,
    answered   INTEGER NOT NULL,
    unanswered INTEGER NOT NULL,
    refused    INTEGER NOT NULL,
    bytes_out  INTEGER NOT NULL,
    bytes_in   INTEGER NOT NULL,
    PRIMARY KEY (hour, camera)
) WITHOUT ROWID;

CREATE TABLE hour_sum (
    hour         INTEGER PRIMARY KEY,
    home         INTEGER NOT NULL DEFAULT 0,
    overseas     INTEGER NOT NULL DEFAULT 0,
    unknown      INTEGER NOT NULL DEFAULT 0,
    answered     INTEGER NOT NULL DEFAULT 0,
    unanswered   INTEGER NOT NULL DEFAULT 0,
    refused      INTEGER NOT NULL DEFAULT 0,
    bytes_out    INTEGER NOT NULL DEFAULT 0,
    bytes_in     INTEGER NOT NULL DEFAULT 0,
    observed     INTEGER NOT NULL DEFAULT 0, -- cameras
    silent       INTEGER NOT NULL DEFAULT 0,
    unobservable INTEGER NOT NULL DEFAULT 0
);

INSERT INTO camera (name, last_hour) SELECT camera, max(last_hour) FROM pair GROUP BY camera;

INSERT INTO camera_hour
SELECT hour, camera.id,
       sum(CASE class WHEN 'home' THEN attempts ELSE 0 END),
       sum(CASE class WHEN 'overseas' THEN attempts ELSE 0 END),
       sum(CASE class WHEN 'unknown' THEN attempts ELSE 0 END),
       sum(answered), sum(unanswered), sum(refused), sum(bytes_out), sum(bytes_in)
FROM hour JOIN pair ON pair.id = hour.pair JOIN place ON place.id = hour.place JOIN camera ON camera.name = pair.camera
WHERE class IN ('home', 'overseas', 'unknown') AND hour > (SELECT max(hour) FROM hour) - 768
GROUP BY hour, camera.id;

INSERT INTO hour_sum (hour, home, overseas, unknown, answered, unanswered, refused, bytes_out, bytes_in)
SELECT hour,
       sum(CASE class WHEN 'home' THEN attempts ELSE 0 END),
       sum(CASE class WHEN 'overseas' THEN attempts ELSE 0 END),
       sum(CASE class WHEN 'unknown' THEN attempts ELSE 0 END),
       sum(answered), sum(unanswered), sum(refused), sum(bytes_out), sum(bytes_in)
FROM hour JOIN place ON place.id = hour.place
WHERE class IN ('home', 'overseas', 'unknown')
GROUP BY hour;

INSERT OR IGNORE INTO hour_sum (hour) SELECT DISTINCT hour FROM coverage;
UPDATE hour_sum SET
    observed = (SELECT count(*) FROM coverage WHERE coverage.hour = hour_sum.hour AND state = 'observed'),
    silent = (SELECT count(*) FROM coverage WHERE coverage.hour = hour_sum.hour AND state = 'silent'),
    unobservable = (SELECT count(*) FROM coverage
                    WHERE coverage.hour = hour_sum.hour AND state NOT IN ('observed', 'silent'));
