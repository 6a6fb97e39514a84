just --color never 2>&1
echo "status $?"
just --list
just --dump
just --color never fails 2>&1
echo "status $?"
just --evaluate shout
