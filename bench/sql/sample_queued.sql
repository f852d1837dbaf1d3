SELECT id FROM jobs WHERE status = 'queued' AND attempt = 0 ORDER BY id LIMIT $1;
