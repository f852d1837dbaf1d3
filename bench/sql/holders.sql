-- $1 jobs
SELECT leased_by AS worker, count(*) AS jobs, array_agg(id ORDER BY id) AS job_ids
FROM jobs
WHERE id = ANY ($1::uuid[]) AND leased_by IS NOT NULL AND lease_until > now()
GROUP BY leased_by;
