#!/bin/sh
# Programs that some tests drive, from the system's packages: `install-packages.sh NAME PROBE PACKAGE…` installs them when
# PROBE fails and this is root on Debian. Exit code 75: they are not here, with the reason.
set -eu
name=$1 probe=$2
shift 2
none() {
    printf 'install-packages: %s; the tests that need it are skipped\n' "$1" >&2
    exit 75
}
ready() { sh -c "$probe" >/dev/null 2>&1; }
ready && exit 0
if [ ! -f /etc/debian_version ] || [ "$(id -u)" != 0 ]; then
    none "there is no $name (Debian: $*), and only root on Debian installs it"
fi
export DEBIAN_FRONTEND=noninteractive
install="apt-get install --yes --no-install-recommends --quiet=2 $*"
echo "install-packages: $install"
{ apt-get update --quiet=2 && $install; } >/dev/null 2>&1 || none "apt-get could not install $*"
ready || none "$name does not work here"
