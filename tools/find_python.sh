#!/bin/sh
# Prints the interpreter to make the environment with: $PYTHON when set, else the first on the
# path that is new enough, is covered by the lock files and can make environments.
fits='
import sys
import ensurepip, venv
sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))
'
for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11 python}; do
    if "$name" -c "$fits" >/dev/null 2>&1; then
        command -v "$name"
        exit 0
    fi
done
echo "osler needs Python 3.11 to 3.14 with the modules venv and ensurepip;" \
    "${PYTHON:-python3} is not that: name one with make PYTHON=/path/to/python" >&2
exit 1
