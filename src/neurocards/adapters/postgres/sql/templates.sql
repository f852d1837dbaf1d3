-- name: active_templates
SELECT id, position, names, prompts FROM templates WHERE active ORDER BY position, id;

-- name: template
SELECT id, position, names, prompts FROM templates WHERE id = $1;
