# The floor of a landing: fold, test, push by hand.  $1 bare repository  $2 head  $3 gate  $4 worktree to test in
set -e
cd "$1"
base=$(git rev-parse main)
tree=$(git merge-tree --write-tree "$base" "$2")
landing=$(git commit-tree -p "$base" -m landing "$tree")
git -C "$4" reset --quiet --hard "$landing"
git -C "$4" clean -qfdx
(cd "$4" && sh -c "$3")
git update-ref refs/heads/main "$landing" "$base"
