# shellcheck shell=bash
# bash completion for rpfpolicy(1). What there is to complete is taken from `rpfpolicy --help`, which needs
# no privilege, so that it is always that of the installed program. Names of devices are data: they are
# never expanded.

# Offer each line of standard input that begins with $1, quoted so that the shell takes it as it is.
_rpfpolicy_add() {
    local word quoted

    while IFS= read -r word; do
        printf -v quoted %q "$word"
        [[ $word != "$1"* && $quoted != "$1"* ]] || COMPREPLY+=("$quoted")
    done
}

# _rpfpolicy_help PROGRAM [VERB]
_rpfpolicy_help() {
    command "$@" --help 2>/dev/null
}

_rpfpolicy_verbs() {
    sed -n '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\).*/\1/p'
}

# From help to one line per option, "--name" or "--name="; one with an optional value gives both.
_rpfpolicy_options() {
    sed -n -e 's/^  -[a-z], \(--[a-z-]*\) .*/\1/p' -e 's/^  \(--[a-z-]*\)\[=.*/\1\n\1=/p' \
        -e 's/^  \(--[a-z-]*=\)[^ ].*/\1/p' -e 's/^  \(--[a-z-]*\) .*/\1/p'
}

# From help to the options that want a value: " --root --policy … ".
_rpfpolicy_takers() {
    sed -n 's/^  \(--[a-z-]*\)=[^ ].*/\1/p' | tr '\n' ' '
}

_rpfpolicy_devices() {
    sed -n 's/^ *\([^:]*\):.*/\1/p' /proc/self/net/dev 2>/dev/null
}

# _rpfpolicy_value OPTION CURRENT: what can stand behind an option, nothing where that is free text.
_rpfpolicy_value() {
    case $1 in
    --format)
        _rpfpolicy_add "$2" < <(sed -n 's/^  --format=FORMAT *//p' <<<"$help" | tr -d ' ' | tr , '\n')
        ;;
    --color) _rpfpolicy_add "$2" <<<$'auto\nalways\nnever' ;;
    --flavor) _rpfpolicy_add "$2" <<<$'systemd\nprocps' ;;
    --proto) _rpfpolicy_add "$2" <<<$'tcp\nudp\nicmp' ;;
    --key)
        _rpfpolicy_add "$2" < <(command "$program" explain lo --key= 2>&1 | sed -n 's/.*known are //p' |
            tr -d ' ' | tr , '\n')
        ;;
    --root | --sysctl-root | --proc-sys-net)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -d -- "$2")
        ;;
    --policy)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$2")
        ;;
    esac
}

# _rpfpolicy_argument PROGRAM VERB BEFORE CURRENT: by what help says of the arguments; BEFORE of them
# stand in front of this one.
_rpfpolicy_argument() {
    local arguments

    arguments=$(sed -n '1,/^$/p' <<<"$help" | tr -d '\n')
    arguments=${arguments#*'[OPTION...]'}
    case $arguments in
    *FILE*)
        compopt -o filenames
        mapfile -t COMPREPLY < <(compgen -f -- "$4")
        ;;
    *'|'*)
        if [ "$3" -eq 0 ]; then
            _rpfpolicy_add "$4" < <(sed 's/ *\[.*//; s/ //g' <<<"$arguments" | tr '|' '\n')
        elif [[ $arguments == *NAME* ]]; then
            _rpfpolicy_add "$4" < <(command "$1" preset list 2>/dev/null | sed '1d; s/ .*//')
        fi
        ;;
    *SRC*DEVICE*) [ "$3" -ne 1 ] || _rpfpolicy_add "$4" < <(_rpfpolicy_devices) ;;
    *DEVICE*)
        case $2 in
        explain | pause | resume) _rpfpolicy_add "$4" <<<$'all\ndefault' ;;
        esac
        _rpfpolicy_add "$4" < <(_rpfpolicy_devices)
        ;;
    esac
}

_rpfpolicy() {
    local program=$1 verb='' option='' before=0 help takers i word
    local current=${COMP_WORDS[COMP_CWORD]}

    COMPREPLY=()
    help=$(_rpfpolicy_help "$program")
    takers=" $(_rpfpolicy_takers <<<"$help")"
    # `--format=json` comes as three words, since `=` divides words in readline.
    for ((i = 1; i < COMP_CWORD; i++)); do
        word=${COMP_WORDS[i]} option=''
        if [[ ${COMP_WORDS[i + 1]} == = ]]; then
            option=$word
            i=$((i + 2))
        elif [[ $takers == *" $word "* ]]; then
            option=$word
            i=$((i + 1))
        elif [[ $word != -* && -z $verb ]]; then
            verb=$word
            help=$(_rpfpolicy_help "$program" "$verb")
            takers=" $(_rpfpolicy_takers <<<"$help")"
        elif [[ $word != -* ]]; then
            before=$((before + 1))
        fi
    done
    # Its value was passed over: only where that is the word at the cursor it matters.
    [ "$i" -gt "$COMP_CWORD" ] || option=''
    [[ $current != = ]] || current=''
    if [ -n "$option" ]; then
        _rpfpolicy_value "$option" "$current"
    elif [[ $current == -* ]]; then
        _rpfpolicy_add "$current" < <(_rpfpolicy_options <<<"$help")
        [[ ${#COMPREPLY[@]} -ne 1 || ${COMPREPLY[0]} != *= ]] || compopt -o nospace
    elif [ -z "$verb" ]; then
        _rpfpolicy_add "$current" < <(_rpfpolicy_verbs <<<"$help")
    else
        _rpfpolicy_argument "$program" "$verb" "$before" "$current"
    fi
}

complete -F _rpfpolicy rpfpolicy
