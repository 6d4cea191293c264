-- What each exception began to keep back in an hour.
CREATE TABLE exception_hour (
    hour      INTEGER NOT NULL, -- whole hours since 1970
    exception TEXT NOT NULL,    -- its name
    findings  INTEGER NOT NULL,
    alerts    INTEGER NOT NULL, -- of which it kept back at least a part
    PRIMARY KEY (hour, exception)
) WITHOUT ROWID;

-- Of what was before, that is not on record.
INSERT INTO fact SELECT 'hidden_since', value FROM fact WHERE name = 'latest';
