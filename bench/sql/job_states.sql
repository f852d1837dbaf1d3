-- $1 first user, $2 users
SELECT status, attempt, tries, count(*) AS jobs,
    min(started_at) AS first_start, max(finished_at) AS last_end
FROM jobs
WHERE tg_user_id >= $1::bigint AND tg_user_id < $1::bigint + $2::integer
GROUP BY status, attempt, tries;
