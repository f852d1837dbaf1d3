INSERT INTO ledger (account, job_id, kind, amount, key)
SELECT side.account, jobs.id, 'charge', side.amount, 'charge:' || jobs.id
FROM jobs
CROSS JOIN LATERAL (
    VALUES ('user:' || jobs.tg_user_id, -1::bigint), ('system', 1::bigint)
) AS side (account, amount);
