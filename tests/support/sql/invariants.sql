-- What must hold of everybody's money and orders. A block gives the offenders: what (subject) and
-- how (words). Its name says when it holds (`always`: after every commit; `rest`: when nothing is
-- under way any more) and which invariant it belongs to.

-- name: always_i1_wrong_balance
SELECT u.tg_user_id::text AS subject,
    format('balance %s, ledger %s', u.balance, coalesce(l.total, 0)) AS words
FROM users u
LEFT JOIN (SELECT account, sum(amount) AS total FROM ledger GROUP BY account) l
    ON l.account = 'user:' || u.tg_user_id
WHERE u.balance <> coalesce(l.total, 0);

-- name: always_i1_unbalanced_booking
SELECT key AS subject, format('both sides sum to %s', sum(amount)) AS words
FROM ledger GROUP BY key HAVING sum(amount) <> 0;

-- name: always_i2_job_without_its_draft
SELECT j.id::text AS subject, format('%s drafts were consumed for it', count(d.id)) AS words
FROM jobs j LEFT JOIN drafts d ON d.job_id = j.id
GROUP BY j.id HAVING count(d.id) <> 1;

-- name: always_i2_draft_without_its_job
SELECT d.id::text AS subject, format('consumed for %s, which is not there', d.job_id) AS words
FROM drafts d WHERE d.job_id IS NOT NULL AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = d.job_id);

-- name: always_i3_refunded_and_not_ended_so
SELECT j.id::text AS subject, format('%s and refunded', j.status) AS words
FROM jobs j JOIN ledger l ON l.job_id = j.id AND l.kind = 'refund' AND l.account <> 'system'
WHERE j.status NOT IN ('failed', 'cancelled');

-- name: always_i3_ended_without_refund
SELECT j.id::text AS subject, format('%s and not refunded in full', j.status) AS words
FROM jobs j
LEFT JOIN ledger l ON l.key = 'refund:' || j.id AND l.account = 'user:' || j.tg_user_id
    AND l.amount = j.price_credits
WHERE j.status IN ('failed', 'cancelled') AND l.id IS NULL;

-- name: always_i4_not_charged_once
SELECT j.id::text AS subject,
    format('%s charges of %s in all, price %s', count(l.id), coalesce(sum(l.amount), 0),
        j.price_credits) AS words
FROM jobs j
LEFT JOIN ledger l ON l.job_id = j.id AND l.kind = 'charge' AND l.account <> 'system'
GROUP BY j.id, j.price_credits
HAVING count(l.id) <> 1 OR sum(l.amount) <> -j.price_credits;

-- name: always_i4_refunded_twice
SELECT job_id::text AS subject, format('%s refunds', count(*)) AS words
FROM ledger WHERE kind = 'refund' AND account <> 'system'
GROUP BY job_id HAVING count(*) > 1;

-- name: always_i4_charge_without_job
SELECT DISTINCT l.key AS subject, 'there is no such job' AS words
FROM ledger l
WHERE l.kind IN ('charge', 'refund') AND NOT EXISTS (SELECT FROM jobs j WHERE j.id = l.job_id);

-- name: always_i5_order_repeated_without_being_counted
SELECT id::text AS subject,
    format('%s orders to the provider, %s orphans', submissions, orphans) AS words
FROM jobs WHERE submissions > 1 + orphans;

-- name: rest_i2_unfinished
SELECT id::text AS subject,
    format('%s, attempt %s, tries %s, lease until %s, retry at %s', status, attempt, tries,
        lease_until, retry_at) AS words
FROM jobs WHERE status NOT IN ('done', 'failed', 'cancelled');

-- name: rest_i2_ended_late
-- A minute is what the reaper leaves to a worker that claims a job at its deadline, another one what
-- that takes under load.
SELECT id::text AS subject, format('%s s after its deadline',
    round(extract(epoch FROM finished_at - deadline_at))) AS words
FROM jobs WHERE finished_at > deadline_at + interval '120 seconds';

-- name: rest_i7_outbox
SELECT job_id::text AS subject, format('in the outbox since %s', created_at) AS words FROM outbox;

-- name: rest_i7_lease
SELECT id::text AS subject, format('leased by %s until %s', leased_by, lease_until) AS words
FROM jobs WHERE lease_until > now();

-- name: told_i6_untold
-- Where workers run: each end is told, or it is noted that nobody can be.
SELECT id::text AS subject, format('%s since %s, and nobody was told', status, finished_at) AS words
FROM jobs WHERE status IN ('done', 'failed', 'cancelled') AND told_at IS NULL;

-- name: outcomes
SELECT id, tg_user_id, chat_id, status, status_message_id, orphans, provider_task_id,
    undelivered_at IS NOT NULL AS undelivered, fallback_sent_at IS NOT NULL AS sent_anew,
    extract(epoch FROM finished_at - created_at)::float8 AS took_s
FROM jobs ORDER BY id;
