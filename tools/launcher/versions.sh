# Versions: how they are compared, and the floors of each component. The pinned versions are not here but in the files
# that pin them (go.mod, package.json), so that there is one place to raise them.

NODE_FLOOR=24.0.0
NPM_FLOOR=7.0.0
GO_FLOOR=1.26.0
NATS_FLOOR=2.10.23
TOXIPROXY_FLOOR=2.12.0

# version_at_least HAVE WANT: true if HAVE is WANT or newer. A pre-release is older than its release; build metadata
# after `+` does not count; parts that are missing are 0.
version_at_least() {
  local have="${1%%+*}" want="$2" prerelease='' have_part want_part
  case $have in *-*) prerelease=yes ;; esac
  have=${have%%-*}
  while [ -n "$want" ]; do
    have_part=${have%%.*}
    want_part=${want%%.*}
    case $have_part in '' | *[!0-9]*) have_part=0 ;; esac
    [ "$have_part" -le "$want_part" ] || return 0
    [ "$have_part" -ge "$want_part" ] || return 1
    case $have in *.*) have=${have#*.} ;; *) have=0 ;; esac
    case $want in *.*) want=${want#*.} ;; *) want='' ;; esac
  done
  [ -z "$prerelease" ]
}

# version_in TEXT: prints the first word that looks like a version: `go1.26.8`, `v2.15.2` and `3.7.3` all do.
version_in() {
  local word number
  set -f
  for word in $1; do
    number=${word#go}
    number=${number#v}
    case $number in
      [0-9]*.[0-9]*)
        set +f
        printf '%s\n' "$number"
        return 0
        ;;
    esac
  done
  set +f
  return 1
}

# judge_version COMPONENT VERSION: sets `verdict` (good, warned, below) and `remark`. Only `below` keeps a program found
# on PATH from being used; a program somebody named explicitly is used whatever the verdict.
judge_version() {
  local version="$2"
  verdict=good remark=
  if [ -z "$version" ]; then
    verdict=below remark='its version cannot be read'
    return 0
  fi
  case $1 in
    etcd | etcdctl | etcdutl) judge_etcd "$version" ;;
    nats-server) judge_floor "$version" "$NATS_FLOOR" ': works for a look, not for production' ;;
    toxiproxy-server) judge_floor "$version" "$TOXIPROXY_FLOOR" ;;
    node) judge_floor "$version" "$NODE_FLOOR" ;;
    npm) judge_floor "$version" "$NPM_FLOOR" ;;
    go) judge_go "$version" ;;
    pnpm)
      case $version in
        12.*) ;;
        *) verdict=below remark="$version is not pnpm 12" ;;
      esac
      ;;
  esac
}

judge_floor() {
  if ! version_at_least "$1" "$2"; then
    verdict=below remark="$1 is below the floor $2${3:-}"
  fi
}

# Below 3.5.24 and 3.6.6 etcd loses watch events and renews leases that are gone; 3.6.14 and 3.7.1 close a hole in
# which a read grant on one key leaks the events of all later keys.
judge_etcd() {
  if [ -n "${MERIDIAN_ETCD_VERSION:-}" ] && [ "$1" != "$MERIDIAN_ETCD_VERSION" ]; then
    verdict=below remark="$1 is not $MERIDIAN_ETCD_VERSION, which MERIDIAN_ETCD_VERSION asks for"
  elif ! version_at_least "$1" 3.5.24; then
    verdict=below remark="$1 is below the floor 3.5.24 / 3.6.6: works for a look, not for production"
  elif version_at_least "$1" 3.6.0 && ! version_at_least "$1" 3.6.6; then
    verdict=below remark="$1 is below the floor 3.6.6: works for a look, not for production"
  elif ! version_at_least "$1" 3.6.14 || { version_at_least "$1" 3.7.0 && ! version_at_least "$1" 3.7.1; }; then
    verdict=warned remark="$1 is accepted, but 3.6.14+ or 3.7.1+ is recommended"
  fi
}

# From 1.21 on Go fetches the toolchain a module asks for, unless that is switched off.
judge_go() {
  if version_at_least "$1" "$GO_FLOOR"; then
    return 0
  elif version_at_least "$1" 1.21.0 && [ "$(go env GOTOOLCHAIN 2>/dev/null)" != local ]; then
    verdict=warned remark="$1 will have to fetch the Go $GO_FLOOR toolchain"
  else
    verdict=below remark="$1 is below the floor $GO_FLOOR"
  fi
}
