-- The migrations find these roles, so that they grant to them and make none.
CREATE ROLE :"bot_role" LOGIN PASSWORD :'bot_password';
CREATE ROLE :"worker_role" LOGIN PASSWORD :'worker_password';
CREATE ROLE :"operator_role" LOGIN PASSWORD :'operator_password';
CREATE ROLE :"ops_role" LOGIN PASSWORD :'ops_password';
CREATE ROLE :"migrate_role" LOGIN CREATEROLE PASSWORD :'migrate_password';
ALTER DATABASE :"database" OWNER TO :"migrate_role";
SELECT :'page_password' <> '' AS has_page \gset
\if :has_page
-- The chat page of the demo tells of jobs and changes nothing.
CREATE ROLE neurocards_page LOGIN PASSWORD :'page_password';
GRANT pg_read_all_data TO neurocards_page;
\endif
