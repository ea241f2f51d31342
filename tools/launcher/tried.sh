# The record of routes tried for one component, for the message a person gets when all of them failed.

LOG_LINES_SHOWN_MAX=8

tried=

# try_failed ROUTE ANSWER [LOG]: notes it, with the end of the log.
try_failed() {
  tried="$tried$(printf '  %-12s %s' "$1" "$2")
"
  if [ -n "${3:-}" ] && [ -s "$3" ]; then
    tried="$tried$(tail -n "$LOG_LINES_SHOWN_MAX" "$3" | printable | cut -c1-200 | sed 's/^/               | /')
"
  fi
}

# give_up WHAT ADVICE...: says what was tried and what the person can do, one advice a line.
give_up() {
  local what="$1" advice
  shift
  say "cannot get $what. Tried, in this order:"
  printf '%s' "$tried" >&2
  printf '  What you can do:\n' >&2
  for advice in "$@"; do printf '  - %s\n' "$advice" >&2; done
  return 1
}
