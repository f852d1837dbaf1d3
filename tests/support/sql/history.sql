-- name: operations
SELECT number, observed_at, backend, application, job_id, attempt, status, leased_by,
    provider_task_id, submissions, undelivered
FROM observed_operations ORDER BY number;
