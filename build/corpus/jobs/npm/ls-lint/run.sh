ls-lint 2>&1 | sort
ls-lint --version
