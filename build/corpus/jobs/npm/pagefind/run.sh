# Indexes a small site; the index is compressed, and its files are named by the hash of their contents.
pagefind --site site --output-path out 2>&1 | grep -v '^Running from' | sed 's/in [0-9.]* seconds/in a while/'
ls out out/index out/fragment
