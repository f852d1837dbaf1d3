-- $1 first user, $2 orders
-- What must hold after every prepared order was confirmed once.
WITH person AS (
    SELECT tg_user_id, balance FROM users
    WHERE tg_user_id >= $1::bigint AND tg_user_id < $1::bigint + $2::integer
), job AS (
    SELECT jobs.id, jobs.tg_user_id FROM jobs JOIN person USING (tg_user_id)
), charge AS (
    SELECT ledger.account, ledger.amount, ledger.job_id
    FROM ledger JOIN job ON job.id = ledger.job_id
    WHERE ledger.kind = 'charge'
)
SELECT
    (SELECT count(*) FROM job) AS jobs,
    (SELECT count(DISTINCT tg_user_id) FROM job) AS users_with_a_job,
    (SELECT count(*) FROM drafts JOIN job ON job.id = drafts.job_id) AS drafts_consumed,
    (SELECT count(*) FROM charge WHERE account <> 'system' AND amount = -1) AS charges,
    (SELECT coalesce(sum(amount), 0)::bigint FROM charge) AS sum_of_both_sides,
    (SELECT count(*) FROM person WHERE balance <> 0) AS users_not_charged;
