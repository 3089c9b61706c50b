#!/bin/sh
# Builds editors/vscode/rgt.vsix with the Node of scripts/install-vscode.sh below $1 (.editors), when a source is newer.
# Exit code 75: it cannot be built here, with the reason.
set -eu
cd "$(dirname "$0")/.."
editors=$1
scripts/install-vscode.sh "$editors" node
PATH=$(cd "$editors/node/bin" && pwd):$PATH
export PATH
export NODE_DISABLE_COMPILE_CACHE=1 # else npm leaves one in /tmp
cd editors/vscode
if ! cmp -s package-lock.json node_modules/.installed; then
    echo "build-vscode: fetching what the extension is built with"
    npm ci --silent >/dev/null 2>&1 || {
        echo "build-vscode: the npm registry does not give what the extension is built with" >&2
        exit 75
    }
    cp package-lock.json node_modules/.installed
fi
if [ ! -e rgt.vsix ] || [ -n "$(find . -path ./node_modules -prune -o -path ./dist -prune -o -type f -newer rgt.vsix -print -quit)" ]; then
    npm run --silent check
    npm run --silent unit
    npm run --silent build
    npm run --silent package >/dev/null
fi
