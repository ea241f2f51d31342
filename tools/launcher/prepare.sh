# Preparation: look, obtain what is missing (all of it side by side), look again, hand over by environment.

SERVERS='etcd nats toxiproxy'

# prepare NEEDS: returns with everything exported, or exits: 2 for an unusable explicit path, 1 for a failure.
prepare() {
  local server
  settle "$1"
  hand_over_node
  if [ "$1" = servers ]; then
    for server in $SERVERS; do hand_over_server "$server"; done
  elif [ "$1" = model ]; then
    hand_over_server spin
  fi
}

# settle NEEDS: looks for everything and obtains what is missing.
settle() {
  local server outcome=0 missing=''
  if [ -n "${MERIDIAN_ETCD_VERSION:-}" ]; then
    case $MERIDIAN_ETCD_VERSION in
      *[!0-9.]* | .* | *.) usage_error "MERIDIAN_ETCD_VERSION=$MERIDIAN_ETCD_VERSION is not a version like 3.6.16" ;;
    esac
  fi
  look_for node || outcome=$?
  case $outcome in
    1) missing=node ;;
    2) usage_error "$found_remark" ;;
  esac
  if ! workspace_ready; then missing="$missing workspace"; fi
  if [ "$1" = servers ]; then
    for server in $SERVERS; do
      if ! server_ready "$server"; then missing="$missing $server"; fi
    done
  fi
  if [ "$1" = model ] && ! server_ready spin; then missing="$missing spin"; fi
  # shellcheck disable=SC2086
  if [ -n "$missing" ]; then obtain $missing; fi
}

# obtain THING...: every thing in a task of its own. Those that succeed stay, whatever becomes of the others.
obtain() {
  local thing
  make_scratch
  for thing in "$@"; do
    case $thing in
      node) start_task obtain_npm_tool node ;;
      workspace) start_task install_workspace ;;
      *) start_task obtain_server "$thing" ;;
    esac
  done
  if ! wait_tasks; then
    say 'not everything could be obtained (see above); what was obtained stays'
    clean_up
    exit 1
  fi
}

# hand_over_node: Node goes to the front of PATH as well, for the tools whose first line asks for `node`; and it keeps
# the compiled sources of the program between runs.
hand_over_node() {
  if ! look_for node; then
    say 'Node was there a moment ago and is not any more; run the same command again'
    exit 1
  fi
  MERIDIAN_NODE=$found_path
  PATH=${found_path%/*}:$PATH
  : "${NODE_COMPILE_CACHE:=$cache/node-compile}"
  export MERIDIAN_NODE PATH NODE_COMPILE_CACHE
}

hand_over_server() {
  local binary
  for binary in $(binaries_of "$1"); do
    if look_for "$binary"; then
      variable_of "$binary"
      export "$variable=$found_path"
      if [ -n "$found_remark" ]; then say "$binary: $found_remark ($found_path)"; fi
    elif [ "$binary" = etcdutl ]; then
      say 'etcdutl: not in this etcd of Debian; backups cannot be restored with it'
    else
      say "$binary was there a moment ago and is not any more; run the same command again"
      exit 1
    fi
  done
}
