#!/usr/bin/env bash
# setup.sh VENV WHAT...: a virtual environment with torch's CPU build, a C++ compiler, and what `pip install WHAT...` brings.
# Python: $PYTHON, else the first of python3.11, 3.12, 3.13 and python3 that is 3.11 or newer.
# torch:  $TORCH (default torch==2.13.0), from $TORCH_INDEX where it is set.
set -euo pipefail
venv="$1"
shift

die() {
  echo "setup: $*" >&2
  exit 1
}

find_python() {
  local name
  for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    # Running it tells more than finding it: a version manager leaves names behind that start nothing.
    if "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then
      echo "$name"
      return
    fi
  done
  return 1
}

# What neumat compiles at run time needs a C++ compiler; ziglang's wheel serves where none can be installed.
have_compiler() {
  local name
  for name in "${CXX:-}" c++ clang++ g++; do
    if [ -n "$name" ] && command -v "$name" >/dev/null 2>&1; then return 0; fi
  done
  return 1
}

install_compiler() {
  [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null 2>&1 || return 1
  echo "setup: installing g++"
  { apt-get update -q && DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends g++; } >/dev/null </dev/null
}

python="$(find_python)" || die "Python 3.11 or newer is needed; install it, or name it: PYTHON=/path/to/python3.11"
if [ ! -x "$venv/bin/python" ]; then
  "$python" -m venv "$venv" || die "$python cannot make a virtual environment (on Debian: apt-get install python3-venv)"
fi
pip() { "$venv/bin/python" -m pip --disable-pip-version-check --quiet "$@"; }

extra=()
if ! have_compiler; then
  install_compiler || true
  have_compiler || extra=("ziglang>=0.13,<1")
fi

# torch goes first and exactly: without a version in place, other packages pull a CUDA build of several gigabytes,
# which the fit on a CPU never uses. Where pip does not offer that version, the newest that fits will do.
if ! "$venv/bin/python" -c 'import torch' >/dev/null 2>&1; then
  index=()
  [ -z "${TORCH_INDEX:-}" ] || index=(--index-url "$TORCH_INDEX")
  pip install ${index[@]+"${index[@]}"} "${TORCH:-torch==2.13.0}" 2>/dev/null \
    || pip install ${index[@]+"${index[@]}"} "torch>=2.5,<3" \
    || die "torch cannot be installed"
fi
pip install "$@" ${extra[@]+"${extra[@]}"}
