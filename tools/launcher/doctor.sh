# `meridian doctor [--json] [--fix]`: every component with version, origin and path, without Node, without building.
# Exit code: 0 if all is there or can be obtained, 6 if something is unusable or cannot be had.

COMPONENTS='node pnpm git go npm etcd etcdctl etcdutl nats-server toxiproxy-server'

doctor() {
  local as_json='' fix='' argument
  for argument in "$@"; do
    case $argument in
      doctor) ;;
      --json) as_json=yes ;;
      --fix) fix=yes ;;
      -h | --help)
        printf 'usage: meridian doctor [--json] [--fix]\n\n%s\n%s\n' \
          'Lists every component with version, origin, path and what is wrong with it. Builds nothing.' \
          '--fix obtains what is missing, and replaces what came from Debian if it can be built.'
        exit 0
        ;;
      *) usage_error "doctor: unknown argument $argument (known: --json, --fix)" ;;
    esac
  done
  if [ -n "$fix" ]; then mend; fi
  findings=
  if [ -n "$as_json" ]; then doctor_json; else doctor_table; fi
  if [ -n "$findings" ]; then exit 6; fi
  exit 0
}

mend() {
  trap 'on_signal 130' INT
  trap 'on_signal 143' TERM
  trap 'on_signal 129' HUP
  trap clean_up EXIT
  mending=yes
  settle servers
  clean_up
  mending=
}

# examine COMPONENT: `look_for`, and `state` (ready, missing, unusable) and `plan`: what would be done if it is missing.
examine() {
  local outcome=0
  plan=
  look_for "$1" || outcome=$?
  case $outcome in
    0) state=ready ;;
    2) state=unusable plan="correct $variable or unset it" ;;
    *)
      state=missing found_path='' found_origin=''
      plan_for "$1"
      ;;
  esac
  case $state-$1 in
    ready-* | missing-go | missing-npm | missing-git) ;;
    unusable-*) findings=yes ;;
    *) case $plan in cannot*) findings=yes ;; esac ;;
  esac
}

plan_for() {
  local reason server debian
  case $1 in
    git) plan='install git' ;;
    go) plan="install Go $GO_FLOOR or newer to build the servers" ;;
    npm) plan='install npm, to fetch Node and pnpm with it' ;;
    node | pnpm)
      npm_tool_target "$1"
      if reason=$(why_not_npm); then
        plan="cannot be obtained: $reason"
      else
        plan="would be fetched with npm: $1 $tool_version"
      fi
      ;;
    *)
      server=$(server_of "$1")
      server_target_of "$server"
      reason=$(why_not_go "$server")
      debian=$(why_not_debian "$server")
      if [ -z "$server_module" ]; then
        plan="cannot be obtained: no module in tools/ pins etcd $MERIDIAN_ETCD_VERSION"
      elif [ -z "$reason" ]; then
        plan="would be built with Go: $server $server_version"
      elif [ -z "$debian" ] && [ -d "$cache/$server/debian" ]; then
        plan="is not in Debian's $server; install Go $GO_FLOOR or newer to build it"
      elif [ -z "$debian" ]; then
        plan="would be unpacked from Debian, whatever version that has ($reason)"
      else
        plan="cannot be obtained: $reason; $debian"
      fi
      ;;
  esac
}

doctor_table() {
  local component
  printf '%-17s %-10s %-8s %s\n' COMPONENT VERSION ORIGIN PATH
  for component in $COMPONENTS; do
    examine "$component"
    case $state in
      missing) printf '%-17s %-10s %-8s %s\n' "$component" - missing "$plan" ;;
      *) printf '%-17s %-10s %-8s %s\n' "$component" "${found_version:--}" "$found_origin" "$found_path" ;;
    esac
    if [ -n "$found_remark" ] && [ "$state" != missing ]; then printf '  ! %s\n' "$found_remark"; fi
    if [ "$state" = unusable ]; then printf '  ! %s\n' "$plan"; fi
    if [ -n "$passed_over" ]; then printf '  ! passed over %s\n' "$passed_over"; fi
  done
  if workspace_ready; then
    printf '\npackages: installed\n'
  else
    printf '\npackages: not installed, or from another lock file; the next command installs them\n'
  fi
  printf 'cache:    %s\n' "$cache"
}

doctor_json() {
  local component separator='' packages=false
  if workspace_ready; then packages=true; fi
  printf '{\n  "cache": %s,\n  "packagesInstalled": %s,\n  "components": [\n' "$(json_text "$cache")" "$packages"
  for component in $COMPONENTS; do
    examine "$component"
    printf '%s    {"name": %s, "state": %s, "version": %s, "origin": %s, "path": %s, "warnings": [%s], "plan": %s}' \
      "$separator" "$(json_text "$component")" "$(json_text "$state")" "$(json_text "$found_version")" \
      "$(json_text "$found_origin")" "$(json_text "$found_path")" \
      "$(warnings_json)" "$(json_text "$plan")"
    separator=',
'
  done
  printf '\n  ]\n}\n'
}

warnings_json() {
  if [ -n "$found_remark" ]; then json_text "$found_remark"; fi
  if [ -n "$found_remark" ] && [ -n "$passed_over" ]; then printf ', '; fi
  if [ -n "$passed_over" ]; then json_text "passed over $passed_over"; fi
}

# json_text TEXT: a JSON string, or null for an empty text. Control characters, which no sane path has, are dropped.
json_text() {
  if [ -z "$1" ]; then
    printf 'null'
  else
    printf '"%s"' "$(printf '%s' "$1" | tr -d '\000-\037' | sed 's/[\\"]/\\&/g')"
  fi
}
