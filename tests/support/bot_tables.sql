-- What the tests of the bot look up in the database.

-- name: add_template
INSERT INTO templates (id, position, names, prompts) VALUES ($1, -1, $2, $2);

-- name: jobs
SELECT * FROM jobs ORDER BY id;

-- name: count_users
SELECT count(*) FROM users;

-- name: count_drafts
SELECT count(*) FROM drafts;

-- name: count_updates
SELECT count(*) FROM updates;

-- name: count_charges
SELECT count(DISTINCT key) FROM ledger WHERE kind = 'charge';

-- name: balance
SELECT balance FROM users WHERE tg_user_id = $1;
