CREATE TABLE IF NOT EXISTS tasks (
  task_id TEXT PRIMARY KEY,
  created_ms INTEGER NOT NULL,
  facts TEXT NOT NULL,
  outcome TEXT
) STRICT;

CREATE INDEX IF NOT EXISTS tasks_created ON tasks (created_ms);

CREATE TABLE IF NOT EXISTS accounts (
  name TEXT PRIMARY KEY,
  credits REAL NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS uploads (
  path TEXT PRIMARY KEY,
  stored_as TEXT NOT NULL,
  media_type TEXT NOT NULL,
  bytes_count INTEGER NOT NULL,
  stored_s REAL NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS clock (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  simulated_s REAL NOT NULL,
  real_s REAL NOT NULL,
  factor REAL NOT NULL
) STRICT;
