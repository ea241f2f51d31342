# What the launcher starts and what it leaves: background tasks, the programs they run, temporary files, locks.
# The promise: however it ends, nothing runs on, nothing temporary stays, no lock is left. After a SIGKILL the ticker
# keeps it, within a second; if that is killed too, the next launcher removes what it finds (see `sweep`).

task_pids=
scratch=

# make_scratch: sets `scratch`, the folder of everything temporary. It is in the cache, so that a finished piece can be
# renamed into place.
make_scratch() {
  if [ -n "$scratch" ]; then return 0; fi
  identify
  if ! mkdir -p "$cache/tmp" "$cache/locks"; then
    say "cannot write to the cache folder $cache; set XDG_CACHE_HOME to a folder you can write to"
    exit 1
  fi
  sweep
  mkdir -p "$cache/tmp/$identity/status"
  scratch=$cache/tmp/$identity
}

# sweep: removes the temporary folders of launchers that were killed.
sweep() {
  local folder
  for folder in "$cache"/tmp/*; do
    if [ -d "$folder" ] && ! is_alive "${folder##*/}"; then rm -rf "$folder"; fi
  done
}

# start_task FUNCTION ARGUMENT...: runs it in a subshell in the background.
start_task() {
  (
    undo=:
    trap 'trap "" TERM; stop_program; $undo; exit 143' TERM
    # From the ticker, when the launcher is dead and its locks may already be broken: what is in place is not touched.
    trap 'trap "" HUP; stop_program; exit 129' HUP
    "$@"
  ) &
  task_pids="$task_pids $!"
}

# run_program LOG COMMAND...: runs one outside program inside a task, in a process group of its own where that can be
# had, so that its children (npm's, the Go compiler's) can be stopped with it. Both outputs go to LOG.
run_program() {
  local log="$1"
  shift
  if command -v setsid >/dev/null 2>&1; then
    setsid "$@" >"$log" 2>&1 </dev/null &
  else
    "$@" >"$log" 2>&1 </dev/null &
  fi
  wait $!
}

# stop_program: `$!` and not a variable, because the signal may arrive between the start and an assignment. KILL is
# safe: whatever the programs write is in the scratch folder, or in caches of theirs that bear it.
stop_program() {
  local pid="${!:-}"
  if [ -z "$pid" ]; then return 0; fi
  kill -TERM "-$pid" 2>/dev/null || kill -TERM "$pid" 2>/dev/null || return 0
  sleep 0.1
  kill -KILL "-$pid" 2>/dev/null || kill -KILL "$pid" 2>/dev/null || :
  wait "$pid" 2>/dev/null || :
}

# wait_tasks: true if every task succeeded.
wait_tasks() {
  local pid failed=''
  start_ticker
  for pid in $task_pids; do
    wait "$pid" || failed=yes
  done
  task_pids=
  stop_ticker
  [ -z "$failed" ]
}

# working_on NAME TEXT / done_with NAME: what the progress line shows for a task.
working_on() {
  printf '%s\n' "$2" >"$scratch/status/$1"
  if [ -z "$on_terminal" ]; then say "$2"; fi
}

done_with() {
  rm -f "$scratch/status/$1"
}

# The ticker redraws a progress line every second on a terminal; elsewhere it says every half minute that work goes on.
# It ends when its folder does, so that nobody has to kill it, and ends the tasks when the launcher is gone.
start_ticker() {
  mkdir "$scratch/ticker"
  (
    trap '' TERM
    began=$(seconds_now) next=30
    while [ -d "$scratch/ticker" ]; do
      if ! is_alive "$identity"; then
        abandon_tasks
        break
      fi
      elapsed=$(($(seconds_now) - began))
      doing=$(cat "$scratch"/status/* 2>/dev/null | tr '\n' '|' | sed 's/|$//; s/|/ | /g')
      if [ -n "$on_terminal" ]; then
        printf '\r\033[K%s' "$(printf '%s s: %s' "$elapsed" "$doing" | cut -c1-78)" >&2
      elif [ "$elapsed" -ge "$next" ]; then
        say "still working after $elapsed s: $doing"
        next=$((elapsed + 30))
      fi
      sleep 0.3
    done
  ) &
  ticker=$!
}

# abandon_tasks: for the ticker only, which is not their parent and so cannot wait for them.
abandon_tasks() {
  local pid rounds=0
  for pid in $task_pids; do kill -HUP "$pid" 2>/dev/null || :; done
  for pid in $task_pids; do
    while kill -0 "$pid" 2>/dev/null && [ "$rounds" -lt 50 ]; do
      rounds=$((rounds + 1))
      sleep 0.1
    done
  done
  clean_up
}

stop_ticker() {
  rm -rf "$scratch/ticker"
  wait "$ticker" || :
  if [ -n "$on_terminal" ]; then printf '\r\033[K' >&2; fi
}

on_signal() {
  local pid
  trap '' INT TERM HUP
  trap - EXIT
  for pid in $task_pids; do kill -TERM "$pid" 2>/dev/null || :; done
  for pid in $task_pids; do wait "$pid" 2>/dev/null || :; done
  clean_up
  wait
  say 'interrupted: everything it had started is stopped, nothing half-made is left'
  exit "$1"
}

# clean_up: safe to call twice, and when nothing was made.
clean_up() {
  if [ -z "$scratch" ]; then return 0; fi
  release_all_locks
  rm -rf "$scratch"
  scratch=
}
