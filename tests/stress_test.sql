-- endings --
-- How every job ended, how often it was paid for and given back, and how long it waited.
SELECT j.id, j.tg_user_id, j.status,
    EXTRACT(epoch FROM j.started_at - j.created_at)::float8 AS wait_s,
    (SELECT count(*) FROM ledger l WHERE l.key = 'charge:' || j.id) AS charge_rows,
    (SELECT count(*) FROM ledger l WHERE l.key = 'refund:' || j.id) AS refund_rows
FROM jobs j

-- unbalanced_keys --
-- Bookings whose two sides do not cancel out.
SELECT key FROM ledger GROUP BY key HAVING sum(amount) <> 0

-- wrong_balances --
-- Users whose balance is not the sum of their account.
SELECT u.tg_user_id FROM users u
LEFT JOIN (SELECT account, sum(amount) AS total FROM ledger GROUP BY account) l
    ON l.account = 'user:' || u.tg_user_id
WHERE u.balance <> coalesce(l.total, 0)
