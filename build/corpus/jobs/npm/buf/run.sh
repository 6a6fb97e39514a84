# Parse, lint, format and compile an interface.
export BUF_CACHE_DIR="$PWD/cache"
buf lint
echo "status $?"
buf format -d | grep '^[-+] '
echo "status $?"
buf build -o image.json
echo "status $?"
wc -c < image.json
rm -rf cache
