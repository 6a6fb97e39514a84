# A tour of the shell and of the tools that scripts lean on; prints the same on every system.
set -e
mkdir -p work/inner
cd work/inner
for n in 1 2 3 4 5; do
  seq 1 $((n * 1000)) > "f$n"
done
cat f1 f2 f3 | sort -rn | uniq -c | awk '{ sum += $1 * $2 } END { print sum }'
tar cf ../all.tar f1 f2 f3 f4 f5
gzip -9 < ../all.tar | gzip -dc | tar tf - | wc -l
find . -type f | sort | xargs sha256sum
sed -n 's/^\(1.*7\)$/<\1>/p' f2 | tail -3
(sleep 0.1; echo background) &
wait
ls -1 | wc -l
diff f1 f2 | wc -l
expr 6 \* 7
printf '%05.2f\n' 3.14159
dd if=/dev/zero bs=1k count=64 2>/dev/null | cksum
mkfifo pipe
(echo through the pipe > pipe &)
cat pipe
ln -s f1 link
readlink link
test -L link && echo 'it is a link'
chmod 600 f1
stat -c '%a %s' f1
mv f1 renamed
rm -r f2 link pipe
trap 'echo trapped' USR1
kill -USR1 $$
ps -o pid,comm > /dev/null
echo 'a b c' | while read -r x y z; do echo "$z$y$x"; done
vi -h > /dev/null 2>&1 || true
echo 'x=1+2; x*10' | bc
date -u -d @86400 +%F
od -An -tx1 -N8 f3
env -i A=1 env
timeout 1 sleep 5 || echo "timed out: $?"
for word in one 'two three' "${HOME:+home}"; do echo "[$word]"; done
case $(uname -s) in Linux) echo Linux ;; *) echo other ;; esac
count=0
while [ $count -lt 500 ]; do count=$((count + 1)); done
echo $count
cat <<TEXT | tr a-z A-Z
a here-document of $count
TEXT
f() { local depth=$1; [ "$depth" -eq 0 ] || f $((depth - 1)); }
f 200
rm ../all.tar # its time stamps differ
echo done
