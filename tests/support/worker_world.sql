-- name: job
SELECT * FROM jobs WHERE id = $1;

-- name: balance
SELECT balance FROM users WHERE tg_user_id = $1;

-- name: refunds
-- Entries of the refund: two for one booking, none without it.
SELECT count(*) FROM ledger WHERE key = $1;

-- name: add_template
INSERT INTO templates (id, position, names, prompts) VALUES ($1, 99, $2, $3);

-- name: lock_templates
LOCK TABLE templates IN ACCESS EXCLUSIVE MODE;

-- name: lease_is_live
SELECT lease_until > now() FROM jobs WHERE id = $1;
