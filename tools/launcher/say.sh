# Messages. Everything the launcher says goes to standard error: standard output belongs to the command.

if [ -t 2 ] && [ "${TERM:-dumb}" != dumb ]; then on_terminal=yes; else on_terminal=; fi

# say TEXT: one line. On a terminal it first wipes the progress line, which the ticker draws anew.
say() {
  if [ -n "$on_terminal" ]; then printf '\r\033[K' >&2; fi
  printf 'meridian: %s\n' "$1" >&2
}

# usage_error TEXT: the person asked for something that cannot be; nothing was done.
usage_error() {
  say "$1"
  exit 2
}

# printable: drops control characters, so that what a registry or a compiler answered cannot drive the terminal.
printable() {
  LC_ALL=C tr -cd '\011\012\040-\176'
}

seconds_now() {
  date +%s
}
