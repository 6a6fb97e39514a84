buildifier -mode=check -lint=warn BUILD 2>&1
echo "status $?"
buildifier -lint=fix BUILD
echo "status $?"
cat BUILD
echo 'x = [' | buildifier -type=bzl 2>&1
echo "status $?"
