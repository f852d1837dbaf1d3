SELECT id, tg_user_id FROM drafts WHERE job_id IS NULL ORDER BY id LIMIT $1;
