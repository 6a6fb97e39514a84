# Packs a megabyte with the given program, unpacks it and compares.
i=0
while [ $i -lt 2500 ]; do
  i=$((i + 1))
  echo "line $i of a text that repeats itself, but not quite: $((i * 7919 % 1009)) $((i * i % 10007))"
done > text
cat text text text text > plain
"$@" -c < plain > packed || exit 1
"$1" -d -c < packed > restored || exit 2
cmp plain restored && echo same
wc -c < packed
sha256sum packed
