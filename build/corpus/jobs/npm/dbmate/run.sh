# Migrations of an SQLite database forth and back; the times taken are cut off.
migrate() {
  dbmate --url sqlite:people.db -d migrations --no-dump-schema "$@" 2>&1 | sed 's/ in [0-9.]*[mnµ]*s$//'
}
migrate up
migrate status
sqlite3 people.db 'SELECT * FROM short; SELECT version FROM schema_migrations; PRAGMA integrity_check'
migrate rollback
migrate status
sqlite3 people.db .schema
