#!/usr/bin/env bash
# wheel.sh PYTHON FOLDER: build neumat's wheel into FOLDER from a copy, so that nothing is left in the checkout and
# nothing that an earlier build left there gets in.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
copy="$(mktemp -d)"
trap 'rm -rf "$copy"' EXIT
for name in pyproject.toml README.md LICENSE src exporters shaders viewer; do
  [ ! -e "$name" ] || cp -R "$name" "$copy/"
done
rm -rf "$copy"/src/*.egg-info
"$1" -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir "$2" "$copy"
