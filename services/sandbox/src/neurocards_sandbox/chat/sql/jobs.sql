-- jobs_of_user --
-- The newest jobs of a user, as the panel "What is happening" shows them.
SELECT j.id, j.status, j.attempt, j.options, j.price_credits, j.provider_task_id, j.script,
    j.error_class, j.error_text, t.names AS template_names, j.template_id, j.language,
    j.created_at, j.started_at, j.scripted_at, j.rendering_at, j.rendered_at, j.fetched_at,
    j.finished_at
FROM jobs AS j LEFT JOIN templates AS t ON t.id = j.template_id
WHERE j.tg_user_id = $1
ORDER BY j.id DESC LIMIT $2
