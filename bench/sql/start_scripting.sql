UPDATE jobs SET status = 'scripting', started_at = now() WHERE id = ANY ($1::uuid[]);
