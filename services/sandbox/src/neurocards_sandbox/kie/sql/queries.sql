-- save_task --
-- A task is written twice at most: when it is made and when it ends.
INSERT INTO tasks (task_id, created_ms, facts, outcome) VALUES (?, ?, ?, ?)
ON CONFLICT (task_id) DO UPDATE SET facts = excluded.facts, outcome = excluded.outcome;

-- load_tasks --
-- The newest ones, oldest first, so that a bounded memory keeps what is still asked for.
SELECT facts, outcome FROM (
  SELECT created_ms, facts, outcome FROM tasks ORDER BY created_ms DESC LIMIT ?
) ORDER BY created_ms;

-- delete_tasks_before --
DELETE FROM tasks WHERE created_ms < ? AND outcome IS NOT NULL;

-- save_account --
INSERT INTO accounts (name, credits) VALUES (?, ?)
ON CONFLICT (name) DO UPDATE SET credits = excluded.credits;

-- load_accounts --
SELECT name, credits FROM accounts;

-- save_upload --
INSERT INTO uploads (path, stored_as, media_type, bytes_count, stored_s) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (path) DO UPDATE SET
  stored_as = excluded.stored_as,
  media_type = excluded.media_type,
  bytes_count = excluded.bytes_count,
  stored_s = excluded.stored_s;

-- load_upload --
SELECT stored_as, media_type, bytes_count, stored_s FROM uploads WHERE path = ?;

-- delete_uploads_before --
DELETE FROM uploads WHERE stored_s <= ? RETURNING stored_as;

-- save_clock --
INSERT INTO clock (id, simulated_s, real_s, factor) VALUES (1, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
  simulated_s = excluded.simulated_s,
  real_s = excluded.real_s,
  factor = excluded.factor;

-- load_clock --
SELECT simulated_s, real_s, factor FROM clock;
