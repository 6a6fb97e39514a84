CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT, c REAL);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000)
  INSERT INTO t SELECT i, hex(i * 7919), i / 7.0 FROM n;
CREATE INDEX tb ON t(b);
SELECT count(*), sum(a), round(sum(c), 6) FROM t WHERE b LIKE '31%';
CREATE VIRTUAL TABLE f USING fts5(x);
INSERT INTO f SELECT b FROM t LIMIT 1000;
SELECT count(*) FROM f WHERE f MATCH '37393139';
DELETE FROM t WHERE a % 3 = 0;
VACUUM;
PRAGMA integrity_check;
SELECT printf('%.15g', exp(1)), json_extract('{"a":[1,2]}', '$.a[1]');
BEGIN;
DELETE FROM t;
ROLLBACK;
SELECT count(*) FROM t;
SELECT sqlite_version();
