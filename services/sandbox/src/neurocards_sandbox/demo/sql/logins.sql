-- make_login --
-- The command that lets a role log in; $1 role, $2 password, $3 further attributes.
SELECT CASE WHEN EXISTS (SELECT FROM pg_roles WHERE rolname = $1::text)
    THEN format('ALTER ROLE %I LOGIN %s PASSWORD %L', $1::text, $3::text, $2::text)
    ELSE format('CREATE ROLE %I LOGIN %s PASSWORD %L', $1::text, $3::text, $2::text)
END

-- database_exists --
SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)

-- make_database --
-- The command that makes a database; $1 name, $2 owner.
SELECT format('CREATE DATABASE %I OWNER %I', $1::text, $2::text)

-- let_page_read --
-- The page tells of jobs and changes nothing.
GRANT SELECT ON jobs, templates TO neurocards_page
