#!/bin/sh
# Finds a Python that is new enough and hands over to devtools/bootstrap.py, which does the rest.
set -eu
cd "$(dirname "$0")/.."
for python in python3 /usr/bin/python3 python3.13 python3.12 python3.11; do
    if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        exec "$python" -m devtools.bootstrap "$@"
    fi
done
echo "make: expected python3 3.11 or newer, found $(python3 --version 2>&1 || true); install it: apt-get install python3" >&2
exit 1
