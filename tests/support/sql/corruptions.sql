-- What each invariant is there to find, done to the one job of a database ($1). The names are those
-- of `invariants.sql`. Triggers are off while these run: the schema itself refuses most of them.

-- name: always_i1_wrong_balance
UPDATE users SET balance = balance + 1 WHERE tg_user_id = (SELECT tg_user_id FROM jobs WHERE id = $1);

-- name: always_i1_unbalanced_booking
DELETE FROM ledger WHERE job_id = $1 AND account = 'system';

-- name: always_i2_job_without_its_draft
DELETE FROM drafts WHERE job_id = $1;

-- name: always_i2_draft_without_its_job
DELETE FROM jobs WHERE id = $1;

-- name: always_i3_refunded_and_not_ended_so
INSERT INTO ledger (account, job_id, kind, amount, key)
VALUES ('user:5001', $1, 'refund', 1, 'refund:' || $1::uuid);

-- name: always_i3_ended_without_refund
UPDATE jobs SET status = 'failed', previous_status = 'queued', finished_at = now() WHERE id = $1;

-- name: always_i4_not_charged_once
DELETE FROM ledger WHERE job_id = $1 AND kind = 'charge';

-- name: always_i4_refunded_twice
INSERT INTO ledger (account, job_id, kind, amount, key)
SELECT 'user:5001', $1, 'refund', 1, 'refund:' || number FROM generate_series(1, 2) number;

-- name: always_i4_charge_without_job
UPDATE ledger SET job_id = gen_random_uuid() WHERE job_id = $1;

-- name: always_i5_order_repeated_without_being_counted
UPDATE jobs SET submissions = 2 WHERE id = $1;

-- name: rest_i2_unfinished
UPDATE jobs SET retry_at = now() WHERE id = $1;

-- name: rest_i2_ended_late
UPDATE jobs SET status = 'cancelled', previous_status = 'queued', finished_at = now(),
    deadline_at = now() - interval '1 hour'
WHERE id = $1;

-- name: rest_i7_outbox
INSERT INTO outbox (job_id, pool) VALUES ($1, 'default');

-- name: rest_i7_lease
UPDATE jobs SET status = 'scripting', previous_status = 'queued',
    lease_until = now() + interval '1 minute', leased_by = 'w'
WHERE id = $1;

-- name: told_i6_untold
UPDATE jobs SET status = 'cancelled', previous_status = 'queued', finished_at = now()
WHERE id = $1;
