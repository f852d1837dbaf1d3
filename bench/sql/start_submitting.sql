UPDATE jobs SET status = 'submitting', script = $2::jsonb, scripted_at = now(), submissions = 1,
    submitted_at = now()
WHERE id = ANY ($1::uuid[]);
