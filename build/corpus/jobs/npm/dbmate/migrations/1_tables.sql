-- migrate:up
CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
INSERT INTO people (name) VALUES ('Ada'), ('Grace'), ('Edsger');
-- migrate:down
DROP TABLE people;
