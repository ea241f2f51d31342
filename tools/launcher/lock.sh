# Locks between launchers. A lock is a symbolic link whose target is its owner's identity: made in one step together
# with its content, so that there is no moment at which it exists without an owner.
#
# A lock of a dead owner is broken under a second lock. If a launcher is killed by SIGKILL inside those few instructions
# two others may hold one lock; what that costs is work done twice, since results are published by rename.

LOCK_WAIT_SECONDS_MAX=1800

# identify: sets `identity`: process id and start time, because process ids are used again.
identify() {
  identity=$$.$(start_time_of $$)
}

# start_time_of PID: clock ticks since boot, from field 22 of /proc/PID/stat; x where there is no /proc. A zombie has
# none: it does nothing any more, and who should collect it may never do so.
start_time_of() {
  local stat=''
  if [ -r "/proc/$1/stat" ]; then
    read -r stat 2>/dev/null <"/proc/$1/stat" || :
    # The second field is the program's name and may hold blanks and parentheses.
    stat=${stat##*) }
    # shellcheck disable=SC2086
    set -- ${stat:-gone}
    case $1 in
      Z | X | gone) printf 'gone\n' ;;
      *)
        shift 19
        printf '%s\n' "$1"
        ;;
    esac
  else
    printf 'x\n'
  fi
}

# is_alive IDENTITY
is_alive() {
  local pid="${1%%.*}"
  case $pid in '' | *[!0-9]*) return 1 ;; esac
  { [ -d "/proc/$pid" ] || kill -0 "$pid" 2>/dev/null; } && [ "$(start_time_of "$pid")" = "${1#*.}" ]
}

# take_lock LOCK WHAT: waits for it, says so, and gives up with an explanation after a bounded time.
take_lock() {
  local lock="$1" owner said='' began
  began=$(seconds_now)
  until ln -s "$identity" "$lock" 2>/dev/null; do
    owner=$(readlink "$lock" 2>/dev/null) || {
      if [ ! -w "${lock%/*}" ]; then
        say "cannot write the lock $lock"
        return 1
      fi
      continue
    }
    if ! is_alive "$owner"; then
      break_lock "$lock"
      continue
    fi
    if [ -z "$said" ]; then
      working_on "${lock##*/}" "$2: waiting for another launcher (process ${owner%%.*}), which is at it"
      said=yes
    fi
    if [ $(($(seconds_now) - began)) -gt "$LOCK_WAIT_SECONDS_MAX" ]; then
      done_with "${lock##*/}"
      say "$2: process ${owner%%.*} has held $lock for $LOCK_WAIT_SECONDS_MAX s; end it, or remove that file"
      return 1
    fi
    sleep 0.2
  done
  if [ -n "$said" ]; then done_with "${lock##*/}"; fi
}

break_lock() {
  local breaker="$1.break" owner
  if ln -s "$identity" "$breaker" 2>/dev/null; then
    owner=$(readlink "$1" 2>/dev/null) || owner=
    if [ -n "$owner" ] && ! is_alive "$owner"; then rm -f "$1"; fi
    rm -f "$breaker"
  else
    owner=$(readlink "$breaker" 2>/dev/null) || return 0
    if ! is_alive "$owner"; then rm -f "$breaker"; else sleep 0.1; fi
  fi
}

release_lock() {
  if [ "$(readlink "$1" 2>/dev/null)" = "$identity" ]; then rm -f "$1"; fi
}

release_all_locks() {
  local lock
  for lock in "$cache"/locks/* "$(workspace_lock)" "$(workspace_lock).break"; do
    if [ -L "$lock" ]; then release_lock "$lock"; fi
  done
}
