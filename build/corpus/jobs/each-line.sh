# Runs each line of applets.txt in a shell and a folder of its own; prints its output and status.
number=0
while IFS= read -r line; do
  case $line in '' | '#'*) continue ;; esac
  number=$((number + 1))
  mkdir -p "line$number"
  echo "== $line"
  (cd "line$number" && timeout -s KILL 200 sh -c "$line" < /dev/null 2>&1)
  echo "-> $?"
done < applets.txt
