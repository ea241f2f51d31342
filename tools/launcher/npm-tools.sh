# Node and pnpm from npm. tools/node and tools/pnpm pin them with integrity hashes, so `npm ci` takes these bytes or
# none. npm needs a Node to run on, but an old one does: it only unpacks.

# npm_tool_target TOOL: sets `tool_version` and `tool_target`, the tool's folder in the cache.
npm_tool_target() {
  local folder="$MERIDIAN_HOME/tools/$1"
  tool_version=$(version_in "$(sed -n 's/.*-x64": "\(.*\)".*/\1/p' "$folder/package.json")")
  tool_target=$cache/$1/$tool_version-$(checksum_of "$folder/package-lock.json")
}

npm_tool_program() {
  case $1 in
    node) printf '%s\n' "$tool_target/bin/node" ;;
    pnpm) printf '%s\n' "$tool_target/pnpm" ;;
  esac
}

npm_tool_in_cache() {
  npm_tool_target "$1"
  if [ -x "$(npm_tool_program "$1")" ]; then
    found_path=$(npm_tool_program "$1") found_origin=cache found_version=$tool_version
  else
    try_failed cache "not in $tool_target"
    return 1
  fi
}

# npm_platform: the suffix of the packages that fit this machine; fails elsewhere than on Linux with glibc's usual two.
npm_platform() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) printf 'linux-x64\n' ;;
    Linux-aarch64 | Linux-arm64) printf 'linux-arm64\n' ;;
    *) return 1 ;;
  esac
}

# why_not_npm: prints why npm cannot supply a tool here; fails if it can.
why_not_npm() {
  if ! npm_platform >/dev/null; then
    printf 'npm has no usable package for %s\n' "$(uname -s) $(uname -m)"
  elif ! command -v npm >/dev/null 2>&1; then
    printf 'no npm on PATH\n'
  else
    return 1
  fi
}

# obtain_npm_tool TOOL: into the cache. Runs inside a task.
obtain_npm_tool() {
  local tool="$1" lock="$cache/locks/$1" work="$scratch/$1" log="$scratch/$1.log" began package reason version
  npm_tool_target "$tool"
  take_lock "$lock" "$tool $tool_version" || return 1
  if [ -x "$(npm_tool_program "$tool")" ]; then
    release_lock "$lock"
    return 0
  fi
  look_for "$tool" || :
  if reason=$(why_not_npm); then
    try_failed npm "$reason"
    npm_tool_advice "$tool"
    return 1
  fi
  began=$(seconds_now)
  working_on "$tool" "$tool $tool_version: fetching with npm"
  mkdir -p "$work"
  cp "$MERIDIAN_HOME/tools/$tool/package.json" "$MERIDIAN_HOME/tools/$tool/package-lock.json" "$work/"
  case $tool in
    node) package=node-$(npm_platform) ;;
    pnpm) package=@pnpm/exe.$(npm_platform) ;;
  esac
  if ! run_program "$log" npm ci --prefix "$work" --ignore-scripts --no-audit --no-fund --loglevel=error; then
    done_with "$tool"
    try_failed npm 'npm ci failed; its last lines:' "$log"
    npm_tool_advice "$tool"
    return 1
  fi
  case $tool in
    node) version=$(version_of node "$work/node_modules/$package/bin/node") ;;
    pnpm) version=$(version_of pnpm "$work/node_modules/$package/pnpm") ;;
  esac
  done_with "$tool"
  if [ "$version" != "$tool_version" ]; then
    try_failed npm "$package came, but does not run here (musl instead of glibc?)"
    npm_tool_advice "$tool"
    return 1
  fi
  publish "$work/node_modules/$package" "$tool_target" || return 1
  release_lock "$lock"
  say "$tool $tool_version: fetched ($(($(seconds_now) - began)) s)"
}

npm_tool_advice() {
  case $1 in
    node)
      give_up "Node >= $NODE_FLOOR" \
        "install Node 24 or newer and have it on PATH, or name it: MERIDIAN_NODE=/path/to/node" \
        'or, on Linux, install npm (an old one does): the launcher then fetches Node by itself'
      ;;
    pnpm)
      give_up 'pnpm 12' \
        "install it (npm install -g pnpm@$tool_version), or name it: MERIDIAN_PNPM=/path/to/pnpm"
      ;;
  esac
}
