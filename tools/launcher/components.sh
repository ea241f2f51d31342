# Components: the programs Meridian runs, and the first three places they are looked for, none of which takes time or
# network: an explicit environment variable, PATH, the cache.

# find_cache: sets `cache`.
find_cache() {
  case ${XDG_CACHE_HOME:-} in
    /*) cache=$XDG_CACHE_HOME/meridian ;;
    *)
      if [ -z "${HOME:-}" ]; then
        usage_error 'HOME and XDG_CACHE_HOME are both unset: there is no place for the cache'
      fi
      cache=$HOME/.cache/meridian
      ;;
  esac
}

# variable_of COMPONENT: the environment variable that names it explicitly, and by which it is handed on.
variable_of() {
  case $1 in
    node) variable=MERIDIAN_NODE ;;
    pnpm) variable=MERIDIAN_PNPM ;;
    etcd) variable=MERIDIAN_ETCD ;;
    etcdctl) variable=MERIDIAN_ETCDCTL ;;
    etcdutl) variable=MERIDIAN_ETCDUTL ;;
    nats-server) variable=MERIDIAN_NATS_SERVER ;;
    toxiproxy-server) variable=MERIDIAN_TOXIPROXY_SERVER ;;
    spin) variable=MERIDIAN_SPIN ;;
    *) variable= ;;
  esac
}

# version_of COMPONENT PATH: asks the program; empty if it does not run or does not say.
version_of() {
  local answer
  case $1 in
    etcdctl | etcdutl | go) answer=$("$2" version 2>/dev/null </dev/null) || answer= ;;
    spin) answer=$("$2" -V 2>/dev/null </dev/null) || answer= ;;
    pnpm) answer=$(cd / && "$2" --version 2>/dev/null </dev/null) || answer= ;;
    *) answer=$("$2" --version 2>/dev/null </dev/null) || answer= ;;
  esac
  version_in "$answer" || :
}

# look_for COMPONENT: sets `found_path`, `found_origin`, `found_version`, `found_remark`, `passed_over` (what PATH has but
# cannot be used, and why) and notes in `tried` the places that did not have it. Returns 0 found, 1 not found, 2 named explicitly but unusable (`found_remark` says why).
look_for() {
  local explicit=''
  found_path='' found_origin='' found_version='' found_remark='' passed_over='' tried=''
  variable_of "$1"
  if [ -n "$variable" ]; then
    eval "explicit=\${$variable:-}"
    if [ -n "$explicit" ]; then
      look_at_explicit "$1" "$explicit"
      return
    fi
    try_failed environment "$variable is not set"
  fi
  look_on_path "$1" || look_in_cache "$1"
}

look_at_explicit() {
  found_origin=env found_path=$2
  case $2 in
    /*) ;;
    *) found_path=$PWD/$2 ;;
  esac
  if [ ! -f "$found_path" ] || [ ! -x "$found_path" ]; then
    found_remark="$variable=$2 is not an executable file"
    return 2
  fi
  found_version=$(version_of "$1" "$found_path")
  judge_version "$1" "$found_version"
  found_remark=$remark
  if [ -z "$found_version" ]; then
    # A development build of toxiproxy calls itself `git`; anything that names itself is taken at its owner's word.
    case $1-$("$found_path" --version 2>/dev/null </dev/null) in
      toxiproxy-server-*toxiproxy*) ;;
      *)
        found_remark="$variable=$2 does not run as $1: it does not answer with a version"
        return 2
        ;;
    esac
  fi
}

look_on_path() {
  local path
  if ! path=$(command -v "$1" 2>/dev/null); then
    try_failed PATH "no $1"
    return 1
  fi
  case $path in
    /*) ;;
    *) path=$PWD/$path ;;
  esac
  found_version=$(version_of "$1" "$path")
  judge_version "$1" "$found_version"
  if [ "$verdict" = below ]; then
    passed_over="$path: $remark"
    try_failed PATH "$passed_over"
    found_version=
    return 1
  fi
  found_path=$path found_origin=PATH found_remark=$remark
}

# look_in_cache: what is there was tried before it was put there, so nothing is run.
look_in_cache() {
  case $1 in
    node | pnpm) npm_tool_in_cache "$1" ;;
    git | go | npm) return 1 ;;
    *) server_in_cache "$1" ;;
  esac
}

# checksum_of FILE: the first 12 digits of its SHA-256: enough to tell versions of a lock file apart.
checksum_of() {
  local sum
  if command -v sha256sum >/dev/null 2>&1; then
    sum=$(sha256sum <"$1")
  else
    sum=$(shasum -a 256 <"$1")
  fi
  printf '%.12s\n' "$sum"
}

# publish TEMPORARY TARGET: the one step in which a folder appears in the cache, whole.
publish() {
  mkdir -p "${2%/*}"
  if [ -e "$2" ]; then
    rm -rf "$1"
  else
    mv "$1" "$2"
  fi
}
