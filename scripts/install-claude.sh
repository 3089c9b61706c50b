#!/bin/sh
# Puts the pinned Claude Code into the virtual environment $1, for the tests that drive the real program. It is one binary
# in a package of its platform, so no Node is needed to run it. Exit code 75: it cannot be had here, with the reason.
set -eu
venv=$1
version=2.1.330 # pinned: what tests/claude was written against; the preset's `tested` is the same
place=$venv/claude-code
if [ "$("$place/claude" --version 2>/dev/null)" = "$version (Claude Code)" ]; then
    exit 0
fi
none() {
    printf 'install-claude: Claude Code %s: %s; the tests that need it are skipped\n' "$version" "$1" >&2
    exit 75
}
command -v npm >/dev/null || none "npm is not installed"
case $(uname -s)-$(uname -m) in
    Linux-x86_64) platform=linux-x64 ;;
    Linux-aarch64 | Linux-arm64) platform=linux-arm64 ;;
    Darwin-arm64) platform=darwin-arm64 ;;
    Darwin-x86_64) platform=darwin-x64 ;;
    *) none "there is no build for this machine" ;;
esac
mkdir -p "$place"
echo "install-claude: fetching Claude Code $version"
(cd "$place" && npm pack --silent "@anthropic-ai/claude-code-$platform@$version" >/dev/null 2>&1) || none "the npm registry does not give it"
tar -xzf "$place"/*.tgz -C "$place" --strip-components 1 package/claude
rm -f "$place"/*.tgz
"$place/claude" --version >/dev/null || none "it does not run here"
