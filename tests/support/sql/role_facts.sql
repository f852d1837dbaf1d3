-- name: powerful_roles
SELECT rolname FROM pg_roles
WHERE rolname LIKE 'neurocards\_%'
    AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls);

-- name: open_functions_of_the_owner
SELECT proname FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND prosecdef AND (
    EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) WHERE grantee = 0)
    OR NOT coalesce(proconfig, '{}') @> ARRAY['search_path=public, pg_temp']
);

-- name: functions_of_the_owner
SELECT count(*) FROM pg_proc
WHERE pronamespace = current_schema()::regnamespace AND prosecdef;

-- name: balance
SELECT balance FROM users;

-- name: far_partitions
SELECT ensure_job_partitions(100000);
