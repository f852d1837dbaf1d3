-- create_records --
-- One row per thing that a restarted simulator must find again; the body is its JSON.
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (kind, key)
) WITHOUT ROWID;

-- enable_wal --
-- Readers never wait for the batch that is being written.
PRAGMA journal_mode = WAL;

-- relax_sync --
-- A killed process loses nothing that was committed; only a power cut could.
PRAGMA synchronous = NORMAL;

-- save_record --
INSERT INTO records (kind, key, body) VALUES (?, ?, ?)
ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body;

-- remove_record --
DELETE FROM records WHERE kind = ? AND key = ?;

-- remove_all_records --
DELETE FROM records;

-- load_records --
SELECT kind, key, body FROM records ORDER BY kind, key;
