# Busybox's own tests, each with its verdict on a line of its own.
(cd testsuite && sh ./runtest) 2> /dev/null < /dev/null | sed 's/^\([A-Z]*\): \(.*\)$/== \2\n\1/'
rm -rf runtest-tempdir-links testsuite
