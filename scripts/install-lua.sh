#!/bin/sh
# What checks the Lua of editors/neovim, busted and luacheck: installed when this is root on Debian. Exit code 75: it is
# not here, with the reason.
set -eu
# Where Debian has them, since Neovim's Lua is told that place (editors/neovim/spec/run.lua).
ready() { [ -f /usr/share/lua/5.1/busted/runner.lua ] && command -v luacheck >/dev/null; }
none() {
    printf 'install-lua: %s; the tests that need it are skipped\n' "$1" >&2
    exit 75
}
ready && exit 0
if [ ! -f /etc/debian_version ] || [ "$(id -u)" != 0 ]; then
    none "there is no busted and luacheck (Debian: lua-busted, lua-check), and only root on Debian installs them"
fi
export DEBIAN_FRONTEND=noninteractive
install="apt-get install --yes --no-install-recommends --quiet=2 lua-busted lua-check"
echo "install-lua: $install"
{ apt-get update --quiet=2 && $install; } >/dev/null 2>&1 || none "apt-get could not install lua-busted and lua-check"
