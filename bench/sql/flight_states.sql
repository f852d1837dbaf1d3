-- $1 jobs
SELECT
    count(*) FILTER (WHERE leased_by IS NOT NULL AND lease_until > now()) AS held,
    count(*) FILTER (WHERE attempt = 1) AS claimed_once,
    count(*) FILTER (WHERE attempt > 1 OR lease_losses > 0) AS claimed_again,
    count(*) FILTER (WHERE status = 'rendering') AS rendering
FROM jobs WHERE id = ANY ($1::uuid[]);
