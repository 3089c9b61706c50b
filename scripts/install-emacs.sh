#!/bin/sh
# An Emacs with eglot, for the test that drives the real program: installed when this is root on Debian. Exit code 75: it
# is not here, with the reason.
set -eu
has_eglot() {
    emacs --batch --eval "(progn (require 'package) (package-initialize) (require 'eglot))" >/dev/null 2>&1
}
none() {
    printf 'install-emacs: %s; the test that needs it is skipped\n' "$1" >&2
    exit 75
}
has_eglot && exit 0
if [ ! -f /etc/debian_version ] || [ "$(id -u)" != 0 ]; then
    none "there is no Emacs with eglot (in Emacs from 29 on), and only root on Debian installs one"
fi
export DEBIAN_FRONTEND=noninteractive
install="apt-get install --yes --no-install-recommends --quiet=2"
echo "install-emacs: $install emacs-nox"
{ apt-get update --quiet=2 && $install emacs-nox; } >/dev/null 2>&1 || none "apt-get could not install emacs-nox"
# Before Emacs 29, eglot is a package of its own.
has_eglot || $install elpa-eglot >/dev/null 2>&1 || true
has_eglot || none "this Emacs has no eglot"
