-- $1 jobs, $2 their tasks of the provider, $3 status, $4 attempt, $5 leases that were lost
-- Jobs that are where they should be after they changed hands, each with its first task.
SELECT count(*) FROM unnest($1::uuid[], $2::text[]) AS item (job_id, task_id)
JOIN jobs ON jobs.id = item.job_id
WHERE jobs.provider_task_id = item.task_id AND jobs.status = $3::text
    AND jobs.attempt = $4::integer AND jobs.lease_losses = $5::integer AND jobs.tries = 0
    AND jobs.submissions = 1 AND jobs.orphans = 0;
