# The agent of the benchmarks: notes when it runs, waits until it may go on, commits a change and is done.
echo "$EPOCHREALTIME" > "$BENCH/$GTR_WORK_ITEM.running"
read -r _ < "$BENCH/$GTR_WORK_ITEM.go"
echo "$GTR_WORK_ITEM" > "f-$GTR_WORK_ITEM"
git add --all
git commit --quiet --message "$GTR_WORK_ITEM"
asked=$EPOCHREALTIME
"$RGT_BIN" done > "$BENCH/$GTR_WORK_ITEM.out" 2>&1
echo "$asked $EPOCHREALTIME $?" > "$BENCH/$GTR_WORK_ITEM.done"
