esbuild main.ts --bundle --minify --sourcemap --define:VERSION='"1.0"' --format=esm --target=es2018 --outfile=out/main.js --log-level=warning
echo "status $?"
cat out/main.js
esbuild main.ts style.css --bundle --define:VERSION='"2"' --outdir=out/plain --metafile=out/meta.json --log-level=warning
echo "status $?"
cat out/plain/main.js out/plain/style.css
esbuild broken.ts --log-level=warning --color=false 2>&1
echo "status $?"
