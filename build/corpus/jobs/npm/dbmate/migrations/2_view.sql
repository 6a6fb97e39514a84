-- migrate:up
CREATE VIEW short AS SELECT name FROM people WHERE length(name) < 5;
-- migrate:down
DROP VIEW short;
