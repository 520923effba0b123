-- One row says whose journal this is; one row per commit group holds its entries.
CREATE TABLE identity (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    content  BLOB NOT NULL
) STRICT;

-- body: JSON lines, one entry (a command with its events) a line.
-- hash: sha256 over the previous hash, seq as 8 bytes and the body.
CREATE TABLE commit_groups (
    seq      INTEGER PRIMARY KEY,
    hash     BLOB NOT NULL,
    body     BLOB NOT NULL
) STRICT;
