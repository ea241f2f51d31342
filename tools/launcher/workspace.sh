# The workspace's packages: `pnpm install --frozen-lockfile`, when the lock file is not the one they were installed from.

workspace_lock() {
  printf '%s\n' "$MERIDIAN_HOME/.cache/install.lock"
}

# The stamp lies inside node_modules, so that who removes that folder removes the stamp.
workspace_ready() {
  local modules="$MERIDIAN_HOME/node_modules" stamp=''
  [ -f "$modules/.modules.yaml" ] && [ -f "$modules/.meridian-lockfile" ] || return 1
  read -r stamp <"$modules/.meridian-lockfile" || :
  [ "$stamp" = "$(checksum_of "$MERIDIAN_HOME/pnpm-lock.yaml")" ]
}

# install_workspace: obtains pnpm if need be. Runs inside a task.
install_workspace() {
  local lock log="$scratch/workspace.log" began sum outcome=0
  look_for pnpm || outcome=$?
  if [ "$outcome" = 2 ]; then
    say "$found_remark"
    return 1
  elif [ "$outcome" = 1 ]; then
    obtain_npm_tool pnpm || return 1
    look_for pnpm || return 1
  fi
  lock=$(workspace_lock)
  mkdir -p "${lock%/*}"
  take_lock "$lock" packages || return 1
  if workspace_ready; then
    release_lock "$lock"
    return 0
  fi
  began=$(seconds_now)
  working_on workspace 'packages: installing with pnpm'
  # Taken before the installation: a lock file changed meanwhile must not count as installed.
  sum=$(checksum_of "$MERIDIAN_HOME/pnpm-lock.yaml")
  if [ ! -e "$MERIDIAN_HOME/node_modules" ]; then undo=remove_packages; fi
  rm -f "$MERIDIAN_HOME/node_modules/.meridian-lockfile"
  if ! run_program "$log" "$found_path" install --dir "$MERIDIAN_HOME" --frozen-lockfile --reporter=append-only \
    --config.confirmModulesPurge=false; then
    done_with workspace
    $undo
    tried=
    try_failed pnpm 'pnpm install --frozen-lockfile failed; its last lines:' "$log"
    give_up 'the packages' \
      'check that the npm registry is reachable (npm ping), then run the same command again' \
      'if a package.json was edited, run pnpm install and commit pnpm-lock.yaml'
    return 1
  fi
  printf '%s\n' "$sum" >"$MERIDIAN_HOME/node_modules/.meridian-lockfile"
  undo=:
  done_with workspace
  release_lock "$lock"
  say "packages: installed ($(($(seconds_now) - began)) s)"
}

# remove_packages: what a first installation leaves when it is broken off. One on top of an older installation is left
# as it is; its stamp is gone, so the next run completes it.
remove_packages() {
  rm -rf "$MERIDIAN_HOME/node_modules" "$MERIDIAN_HOME"/packages/*/node_modules \
    "$MERIDIAN_HOME/chaos/node_modules" "$MERIDIAN_HOME/bench/node_modules"
}
