# Two processes write one database at the same time: locks, shared memory of the write-ahead log, waiting for the other.
sqlite3 shared.db 'PRAGMA journal_mode=WAL; CREATE TABLE t(who INTEGER, n INTEGER);'
writer() {
  n=0
  while [ $n -lt 20 ]; do
    n=$((n + 1))
    echo "INSERT INTO t VALUES($1, $n);"
  done | sqlite3 -cmd '.timeout 20000' shared.db
}
writer 1 &
writer 2 &
wait
sqlite3 shared.db 'SELECT who, count(*), sum(n) FROM t GROUP BY who; PRAGMA integrity_check;'
rm -f shared.db shared.db-* # the order of the rows in it is chance
