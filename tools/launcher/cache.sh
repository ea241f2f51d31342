# `meridian cache [path|clear]`: what the launcher keeps for this user.

cache_command() {
  local entry
  if [ "${1:-}" = cache ]; then shift; fi
  case ${1:-show} in
    show)
      printf '%s\n' "$cache"
      for entry in "$cache"/node/* "$cache"/pnpm/* "$cache"/etcd/* "$cache"/nats/* "$cache"/toxiproxy/* \
        "$cache"/node-compile; do
        if [ -d "$entry" ]; then printf '  %6s  %s\n' "$(du -sh "$entry" | cut -f1)" "${entry#"$cache"/}"; fi
      done
      ;;
    path) printf '%s\n' "$cache" ;;
    clear) clear_cache ;;
    *) usage_error 'usage: meridian cache [path|clear]' ;;
  esac
  exit 0
}

# clear_cache: refuses while another launcher is at work in it. Running programs keep the files they have open.
clear_cache() {
  local folder
  for folder in "$cache"/tmp/*; do
    if [ -d "$folder" ] && is_alive "${folder##*/}"; then
      say "another launcher (process ${folder##*/}) is at work in $cache; wait for it, then clear"
      exit 1
    fi
  done
  # Only what the launcher itself puts there: the folder's place comes from the environment.
  for folder in node pnpm etcd nats toxiproxy spin node-compile tmp locks; do rm -rf "${cache:?}/$folder"; done
  rmdir "$cache" 2>/dev/null || :
}
