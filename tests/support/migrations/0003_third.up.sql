CREATE TABLE third (id integer);
INSERT INTO third VALUES (1);
