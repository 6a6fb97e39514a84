# The types of the program, two of them wrong; then what is written all the same.
tsgo -p .
echo "status $?"
cat out/list.js out/list.d.ts
