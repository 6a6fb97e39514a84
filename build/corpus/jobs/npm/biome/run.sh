export XDG_CACHE_HOME="$PWD/log" BIOME_LOG_DIR="$PWD/log" BIOME_WATCHER_KIND=none
biome format --colors=off --write messy.ts data.json 2>&1 | sed 's/ in [0-9.]*[mnµ]*s\././'
cat messy.ts data.json
biome lint --colors=off --max-diagnostics=50 messy.ts 2>&1 | sed 's/ in [0-9.]*[mnµ]*s\././'
rm -rf log
