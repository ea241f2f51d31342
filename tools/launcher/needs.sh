# What a command needs before the program can start. A client needs Node and the packages only: `meridian status` on a
# laptop must not build an etcd. A new command that starts servers must be added here.

# command_of ARGUMENT...: sets `command`, the first word that is not an option; empty if there is none.
command_of() {
  local word
  command=
  for word in "$@"; do
    case $word in
      --) break ;;
      -*) ;;
      *)
        command=$word
        break
        ;;
    esac
  done
}

# needs_of COMMAND ARGUMENT...: prints `servers`, `model` or `packages`.
needs_of() {
  local command="$1" word
  shift
  for word in "$@"; do
    case $word in
      --) break ;;
      -h | --help | -V | --version)
        printf 'packages\n'
        return 0
        ;;
    esac
  done
  case $command in
    test | up | demo | bench | drill | lab) printf 'servers\n' ;;
    model) printf 'model\n' ;;
    region)
      case " $* " in
        *' region up '*) printf 'servers\n' ;;
        *) printf 'packages\n' ;;
      esac
      ;;
    *) printf 'packages\n' ;;
  esac
}
