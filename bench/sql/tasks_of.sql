-- $1 jobs
SELECT jobs.provider_task_id FROM unnest($1::uuid[]) WITH ORDINALITY AS item (job_id, number)
JOIN jobs ON jobs.id = item.job_id
ORDER BY item.number;
