#!/bin/sh
# Makes the virtual environment $1 with rgt and what its tests need. What the system lacks is installed when this is
# root on Debian, else named in one line with the command that installs it.
set -eu
venv=$1
cd "$(dirname "$0")/.."

fail() {
    printf 'setup: %s\n' "$1" >&2
    exit 1
}

# A Python that is new enough and can make virtual environments.
python() {
    for name in ${PYTHON:-} python3 python3.14 python3.13 python3.12 python3.11; do
        if "$name" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
}

missing() {
    command -v git >/dev/null || printf ' git'
    command -v tmux >/dev/null || printf ' tmux'
    [ -n "$(python)" ] || printf ' python3 python3-venv'
}

lacking=$(missing)
if [ -n "$lacking" ]; then
    install="apt-get install --yes --no-install-recommends$lacking"
    if [ -f /etc/debian_version ] && [ "$(id -u)" = 0 ]; then
        echo "setup: $install"
        export DEBIAN_FRONTEND=noninteractive
        # shellcheck disable=SC2086  # several words
        { apt-get update --quiet=2 && $install --quiet=2; } >/dev/null || fail "that failed: run it by hand to see why"
        lacking=$(missing)
    fi
    case $(uname) in
        Darwin) install="brew install$(printf '%s' "$lacking" | sed 's/ python3-venv//')" ;;
        *) [ -f /etc/debian_version ] && install="sudo $install" || install="your system's package manager installs them" ;;
    esac
    [ -z "$lacking" ] || fail "missing:$lacking (Python ≥ 3.11) — $install"
fi

if ! "$venv/bin/python" -c 'import pip' 2>/dev/null; then
    rm -rf "$venv"
    "$(python)" -m venv "$venv" || fail "no virtual environment could be made in $venv"
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1
pip() {
    "$venv/bin/python" -m pip install --quiet --no-build-isolation --editable '.[dev]' "$@"
}
# When only this repository has changed, no network is needed.
if ! { "$venv/bin/python" -c 'import hatchling, editables' && pip --no-index; } 2>/dev/null; then
    echo "setup: installing rgt and what it needs into $venv"
    "$venv/bin/python" -m pip install --quiet 'hatchling>=1.27' editables && pip || fail "pip could not install rgt: is the package index reachable?"
fi
