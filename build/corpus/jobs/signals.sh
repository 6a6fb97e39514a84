# Traps, waiting, killed children, stopped children, pipes that break.
trap 'echo got TERM' TERM
trap 'echo at exit' EXIT
kill -TERM $$
sleep 30 & child=$!
kill -KILL $child
wait $child
echo "killed: $?"
sh -c 'kill -SEGV $$'
echo "fault: $?"
sleep 30 & child=$!
kill -STOP $child
kill -CONT $child
kill -USR1 $child
wait $child
echo "ended: $?"
yes | head -n 2
sh -c 'trap "echo inner; exit 5" ALRM; kill -ALRM $$'
echo "inner: $?"
umask 027; : > masked; stat -c %a masked
exec 3> third; echo 'by number' >&3; exec 3>&-; cat third
read -r line < third; echo "$line"
ulimit -S -n 200; ulimit -n
echo "$(( $(cat third | wc -c) + 1 ))"
exit 9
