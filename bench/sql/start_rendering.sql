-- $1 jobs, $2 tasks of the provider, $3 fingerprint of the key, $4 model
UPDATE jobs SET status = 'rendering', provider = 'kie', model = $4::text,
    provider_task_id = item.task_id, key_fingerprint = $3::text, rendering_at = now()
FROM unnest($1::uuid[], $2::text[]) AS item (job_id, task_id)
WHERE jobs.id = item.job_id;
