# Parse, print, and show the syntax tree; then an error of syntax. (Types need the runtime of another package.)
bsc -v
bsc -format queue.res
echo "status $?"
bsc -dparsetree -only-parse queue.res 2>&1 | head -n 40
bsc -nostdlib -nopervasives -bs-no-version-header queue.res 2>&1
echo "status $?"
rm -f queue.cmt # it names the folder
echo 'let x = (1 +' > open.res
bsc -format open.res 2>&1
echo "status $?"
