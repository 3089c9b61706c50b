# The floor of a sling: a worktree and a session by hand.  $1 item  $2 bare repository  $3 worktree
set -e
flock "$2.lock" git -C "$2" worktree add --quiet --no-track -b "work/$1" "$3" main
exec tmux -S "$TMUX_SOCKET" -f "$TMUX_CONF" new-session -d -s "$1" -c "$3" -e GTR_WORK_ITEM="$1" -e BENCH="$BENCH" \
  -e RGT_BIN="$RGT_BIN" -- bash "$AGENT"
