-- $1 drafts, $2 users, $3 jobs, $4 status message, $5 bot
-- What a press on Confirm commits, for many orders at once.
SELECT accepted.outcome, count(*) AS orders
FROM unnest($1::uuid[], $2::bigint[], $3::uuid[])
    WITH ORDINALITY AS item (draft_id, tg_user_id, job_id, number)
CROSS JOIN LATERAL create_job_and_consume_credit(
    $5::bigint, 2000000000 + item.tg_user_id, item.draft_id, item.job_id, item.tg_user_id,
    item.tg_user_id, $4::bigint, 'default', interval '3 hours'
) AS accepted
GROUP BY accepted.outcome;
