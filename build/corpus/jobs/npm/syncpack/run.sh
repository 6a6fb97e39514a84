export NO_COLOR=1
syncpack list
echo "status $?"
syncpack lint
echo "status $?"
syncpack fix
syncpack format
cat packages/a/package.json packages/b/package.json
