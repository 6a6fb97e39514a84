# Runs commands by the shell, keeps a log of what is built, and builds nothing twice.
ninja -j 1
ninja -j 1
ninja bad
echo "status $?"
cat all.txt
rm -f .ninja_log .ninja_deps .compiler.log # they hold times
