# The three servers: built with Go from tools/*/go.mod, or, where there is no Go, unpacked from Debian's packages.

# binaries_of SERVER
binaries_of() {
  case $1 in
    etcd) printf 'etcd etcdctl etcdutl\n' ;;
    nats) printf 'nats-server\n' ;;
    toxiproxy) printf 'toxiproxy-server\n' ;;
    spin) printf 'spin\n' ;;
  esac
}

server_of() {
  case $1 in
    etcd | etcdctl | etcdutl) printf 'etcd\n' ;;
    nats-server) printf 'nats\n' ;;
    toxiproxy-server) printf 'toxiproxy\n' ;;
    spin) printf 'spin\n' ;;
  esac
}

# pin_of MODULE_FOLDER: the version of the server its go.mod requires.
pin_of() {
  sed -n \
    -e 's|.*go\.etcd\.io/etcd/server/v3 v||p' \
    -e 's|.*github\.com/nats-io/nats-server/v2 v||p' \
    -e 's|.*github\.com/Shopify/toxiproxy/v2 v||p' "$1/go.mod"
}

# server_target_of SERVER: sets `server_module`, `server_version` and `server_target`, the folder of its build in the
# cache. They are empty if MERIDIAN_ETCD_VERSION asks for an etcd that no module pins.
server_target_of() {
  local folder sum
  server_module=$MERIDIAN_HOME/tools/$1 server_version='' server_target=''
  if [ "$1" = spin ]; then
    server_module=
    return 0
  fi
  if [ "$1" = etcd ] && [ -n "${MERIDIAN_ETCD_VERSION:-}" ]; then
    server_module=
    for folder in "$MERIDIAN_HOME"/tools/etcd "$MERIDIAN_HOME"/tools/etcd-*; do
      if [ "$(pin_of "$folder")" = "$MERIDIAN_ETCD_VERSION" ]; then server_module=$folder; fi
    done
    if [ -z "$server_module" ]; then return 0; fi
  fi
  server_version=$(pin_of "$server_module")
  sum=$(checksum_of "$server_module/go.sum")
  server_target=$cache/$1/$server_version-$sum
}

# server_in_cache BINARY
server_in_cache() {
  local server
  server=$(server_of "$1")
  server_target_of "$server"
  if [ -n "$server_target" ] && [ -x "$server_target/$1" ]; then
    found_path=$server_target/$1 found_origin=cache found_version=$server_version
    return 0
  fi
  try_failed cache "not in ${server_target:-$cache/$server}"
  debian_in_cache "$server" "$1"
}

# debian_in_cache SERVER BINARY: Debian's copy is the last resort, so it stands only for the reason it was taken for: it
# is passed over once there is a Go that might build the pinned version, and when asked to mend (`doctor --fix`).
debian_in_cache() {
  local folder reason='' version=''
  folder=$cache/$1/debian
  if [ ! -x "$folder/$2" ] || [ -n "${mending:-}" ]; then return 1; fi
  read -r reason <"$folder/reason" || :
  read -r version <"$folder/version" || :
  if [ "$reason" != build-failed ] && [ -z "$(why_not_go "$1")" ]; then return 1; fi
  judge_version "$2" "$version"
  case $remark in *MERIDIAN_ETCD_VERSION*) return 1 ;; esac
  found_path=$folder/$2 found_origin=debian found_version=$version found_remark=$remark
}

# server_ready SERVER: true if nothing has to be obtained. Debian's etcd 3.4 has no etcdutl; that is put up with.
# An explicit path that is unusable ends the launcher.
server_ready() {
  local binary outcome first_origin=''
  for binary in $(binaries_of "$1"); do
    outcome=0
    look_for "$binary" || outcome=$?
    if [ "$outcome" = 2 ]; then usage_error "$found_remark"; fi
    if [ "$binary-$outcome-$first_origin" = etcdutl-1-debian ]; then return 0; fi
    if [ "$outcome" != 0 ]; then return 1; fi
    if [ -z "$first_origin" ]; then first_origin=$found_origin; fi
  done
}

# why_not_go SERVER: prints why Go cannot build it; prints nothing if it can.
why_not_go() {
  local go
  if [ "$1" = spin ]; then
    printf 'Spin is no Go program\n'
    return 0
  fi
  if ! go=$(command -v go 2>/dev/null); then
    printf 'no go on PATH\n'
    return 0
  fi
  judge_version go "$(version_of go "$go")"
  if [ "$verdict" = below ]; then printf '%s\n' "$go: $remark"; fi
}

# why_not_debian SERVER
why_not_debian() {
  if [ "$1" = toxiproxy ]; then
    printf 'Debian has no package of it\n'
  elif ! command -v apt-get >/dev/null 2>&1 || ! command -v dpkg-deb >/dev/null 2>&1; then
    printf 'no apt-get and dpkg-deb here\n'
  fi
}

# obtain_server SERVER: into the cache. Runs inside a task.
obtain_server() {
  local server="$1" lock="$cache/locks/$1" binary
  server_target_of "$server"
  server_title="$server ${server_version:-${MERIDIAN_ETCD_VERSION:-}}"
  if [ "$server" = spin ]; then server_title=spin; fi
  take_lock "$lock" "$server_title" || return 1
  if server_ready "$server"; then
    release_lock "$lock"
    return 0
  fi
  # What is missing: etcd may be on PATH and etcdutl not.
  for binary in $(binaries_of "$server"); do
    look_for "$binary" || break
  done
  if build_server "$server"; then
    release_lock "$lock"
    return 0
  elif unpack_debian "$server"; then
    release_lock "$lock"
    if [ "$build_reason" = build-failed ]; then
      say "$server_title could not be built; \`meridian doctor --fix\` tries again. The routes before Debian's:"
      printf '%s' "$tried" >&2
    fi
    return 0
  fi
  variable_of "$binary"
  if [ "$server" = spin ]; then
    give_up spin 'install spin yourself and have it on PATH, or name it: MERIDIAN_SPIN=/path/to/spin' \
      "where there is apt: run apt-get update, so that it knows Debian's package"
    return 1
  fi
  give_up "$binary ${server_version:-${MERIDIAN_ETCD_VERSION:-}}" \
    "install Go $GO_FLOOR or newer, and let it reach its module proxy" \
    "or install $binary yourself and have it on PATH, or name it: $variable=/path/to/$binary" \
    'then run the same command again; what is already built stays'
}

# build_server SERVER: one `go build` for all its programs, without cgo, from exactly the modules in go.sum.
build_server() {
  local server="$1" work="$scratch/$1-build" log="$scratch/$1-build.log" began reason packages flags='' version
  build_reason=no-go
  if [ "$server" = spin ]; then return 1; fi
  if [ -z "$server_module" ]; then
    try_failed 'go build' "no module in tools/ pins etcd $MERIDIAN_ETCD_VERSION"
    return 1
  fi
  reason=$(why_not_go "$server")
  if [ -n "$reason" ]; then
    try_failed 'go build' "$reason"
    return 1
  fi
  case $server in
    etcd) packages='go.etcd.io/etcd/server/v3 go.etcd.io/etcd/etcdctl/v3 go.etcd.io/etcd/etcdutl/v3' ;;
    nats) packages=github.com/nats-io/nats-server/v2 ;;
    toxiproxy)
      packages=github.com/Shopify/toxiproxy/v2/cmd/server
      flags="-X github.com/Shopify/toxiproxy/v2.Version=$server_version"
      ;;
  esac
  began=$(seconds_now)
  working_on "$server" "$server_title: building with Go"
  mkdir -p "$work/bin" "$work/tmp"
  # shellcheck disable=SC2086
  if ! run_program "$log" env CGO_ENABLED=0 GOWORK=off "GOTMPDIR=$work/tmp" go -C "$server_module" build \
    -mod=readonly -trimpath -buildvcs=false -ldflags "$flags" -o "$work/bin/" $packages; then
    done_with "$server"
    build_reason=build-failed
    try_failed 'go build' "go build in ${server_module#"$MERIDIAN_HOME"/} failed; its last lines:" "$log"
    return 1
  fi
  done_with "$server"
  # A Go program is named after its folder; etcd's and toxiproxy's are both called `server`.
  case $server in
    etcd) mv "$work/bin/server" "$work/bin/etcd" ;;
    toxiproxy) mv "$work/bin/server" "$work/bin/toxiproxy-server" ;;
  esac
  for binary in $(binaries_of "$server"); do
    version=$(version_of "$binary" "$work/bin/$binary")
    if [ "$version" != "$server_version" ]; then
      build_reason=build-failed
      try_failed 'go build' "$binary was built, but calls itself \"$version\" and not $server_version"
      return 1
    fi
  done
  publish "$work/bin" "$server_target" || return 1
  say "$server_title: built ($(($(seconds_now) - began)) s)"
}

# unpack_debian SERVER: Debian's packages, downloaded and unpacked into the cache; nothing is installed.
unpack_debian() {
  local server="$1" work="$scratch/$1-debian" log="$scratch/$1-debian.log" began reason packages file version
  reason=$(why_not_debian "$server")
  if [ -n "$reason" ]; then
    try_failed Debian "$reason"
    return 1
  fi
  case $server in
    etcd) packages='etcd-server etcd-client' ;;
    nats) packages=nats-server ;;
    spin) packages=spin ;;
  esac
  began=$(seconds_now)
  working_on "$server" "$server_title: unpacking Debian's $packages"
  mkdir -p "$work/bin" "$work/root"
  # A machine that never ran `apt-get update` knows no package: lists of our own then, so that nothing of its changes.
  # shellcheck disable=SC2016,SC2086
  if ! run_program "$log" sh -c 'cd "$1" && shift && apt-get download "$@"' sh "$work" $packages &&
    ! run_program "$log" sh -c 'cd "$1" && mkdir -p apt/lists/partial apt/cache/archives/partial &&
      own="-o Dir::State::lists=$1/apt/lists -o Dir::Cache=$1/apt/cache" && shift &&
      apt-get $own update && apt-get $own download "$@"' sh "$work" $packages; then
    done_with "$server"
    try_failed Debian "apt-get download $packages failed; its last lines:" "$log"
    return 1
  fi
  for file in "$work"/*.deb; do dpkg-deb -x "$file" "$work/root" || return 1; done
  done_with "$server"
  for binary in $(binaries_of "$server"); do
    for file in "$work/root/usr/bin/$binary" "$work/root/usr/sbin/$binary"; do
      if [ -x "$file" ]; then mv "$file" "$work/bin/$binary"; fi
    done
  done
  binary=$(binaries_of "$server")
  binary=${binary%% *}
  version=$(version_of "$binary" "$work/bin/$binary")
  judge_version "$binary" "$version"
  case $version-$remark in
    -* | *MERIDIAN_ETCD_VERSION*)
      try_failed Debian "$remark"
      return 1
      ;;
  esac
  printf '%s\n' "$version" >"$work/bin/version"
  printf '%s\n' "$build_reason" >"$work/bin/reason"
  rm -rf "$cache/$server/debian"
  publish "$work/bin" "$cache/$server/debian" || return 1
  say "$server $version: unpacked from Debian ($(($(seconds_now) - began)) s)"
}
