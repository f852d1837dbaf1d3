ALTER TABLE first ADD COLUMN more integer;
