#!/usr/bin/env bash
# check.sh VENV [WHEEL]: ruff on the checkout; mypy and import-linter on the package as the wheel lays it out, because
# in the checkout three of its packages live at the top level, where type checkers do not look.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
root="$PWD"
venv="$(cd "$1" && pwd)"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT

wheel="${2:-}"
if [ -z "$wheel" ]; then
  bash .ci/wheel.sh "$venv/bin/python" "$work/dist"
  wheel="$(echo "$work"/dist/*.whl)"
fi
"$venv/bin/python" -m zipfile -e "$wheel" "$work/package"

failed=0
step() {
  echo "== $1"
  shift
  "$@" || failed=1
}
step "ruff" "$venv/bin/ruff" check --quiet --output-format concise .
cd "$work/package"
step "mypy --strict" "$venv/bin/mypy" --strict --config-file "$root/pyproject.toml" --cache-dir "$work/mypy" -p neumat
step "import-linter" env PYTHONPATH="$work/package" "$venv/bin/lint-imports" --no-cache "$root/pyproject.toml"
exit "$failed"
