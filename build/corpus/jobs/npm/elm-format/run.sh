elm-format Messy.elm --validate 2>&1
echo "status $?"
elm-format Messy.elm --yes
echo "status $?"
cat Messy.elm
echo 'module A exposing (..' | elm-format --stdin 2>&1
echo "status $?"
