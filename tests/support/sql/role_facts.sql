-- name: powerful_roles
SELECT rolname FROM pg_roles
WHERE rolname LIKE 'neurocards\_%'
    AND (rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls);
