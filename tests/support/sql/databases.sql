-- Names cannot be values of a statement, so they are written in: `:name`, `:template`.

-- name: create
CREATE DATABASE :name;

-- name: copy
CREATE DATABASE :name TEMPLATE :template;

-- name: drop
DROP DATABASE :name WITH (FORCE);
