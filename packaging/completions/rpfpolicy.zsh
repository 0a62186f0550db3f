#compdef rpfpolicy
# zsh completion for rpfpolicy(1). What there is to complete, and the words beside it, are taken from
# `rpfpolicy --help`, which needs no privilege, so that it is always that of the installed program.

# _rpfpolicy_help [VERB]: its lines into `help`.
_rpfpolicy_help() {
    help=("${(@f)$(command "${(Q)words[1]}" "$@" --help 2>/dev/null)}")
}

# From `help` to "name:what it does" in `verbs`.
_rpfpolicy_read_verbs() {
    local line name='' inside=''

    for line in "$help[@]"; do
        case $line in
        Commands:) inside=yes ;;
        '') inside='' ;;
        esac
        [[ -n $inside ]] || continue
        if [[ $line =~ '^  ([a-z][a-z-]*)( [^ ]+)*(  +(.*))?$' ]]; then
            name=$match[1]
            [[ -n $match[4] ]] || continue
        elif [[ $line =~ '^   +(.*)$' && -n $name ]]; then
            match[4]=$match[1]
        else
            continue
        fi
        verbs+=("${name}:$match[4]")
        name=''
    done
}

# From `help` to "name:what it does" in `plain` and `valued`; one with an optional value is in both.
_rpfpolicy_read_options() {
    local line

    plain=() valued=()
    for line in "$help[@]"; do
        [[ $line =~ '^  (-[a-z], )?(--[a-z-]+)(\[?=[^ ]+)?  +(.*)$' ]] || continue
        [[ $match[3] == '='* ]] || plain+=("$match[2]:$match[4]")
        [[ -z $match[3] ]] || valued+=("$match[2]:$match[4]")
    done
}

_rpfpolicy_devices() {
    local -a devices lines

    lines=("${(@f)$(</proc/self/net/dev)}")
    devices=("${(@)${(@)lines[3,-1]%%:*}## #}")
    compadd "$@" -a devices
}

# _rpfpolicy_value OPTION: what can stand behind it, nothing where that is free text.
_rpfpolicy_value() {
    local line

    case $1 in
    --format)
        for line in "$help[@]"; do
            [[ $line == *--format=FORMAT* ]] || continue
            compadd -- ${(s:, :)${line##*FORMAT #}}
        done
        ;;
    --color) compadd auto always never ;;
    --flavor) compadd systemd procps ;;
    --proto) compadd tcp udp icmp ;;
    --key)
        line=$(command "${(Q)words[1]}" explain lo --key= 2>&1)
        compadd -- ${(s:, :)${line##*known are }}
        ;;
    --root | --sysctl-root | --proc-sys-net) _files -/ ;;
    --policy) _files ;;
    *) _message 'value' ;;
    esac
}

# _rpfpolicy_argument VERB BEFORE: by what help says of the arguments.
_rpfpolicy_argument() {
    local arguments=${${(j::)help[1,2]}#*\[OPTION...\]}
    local -a presets

    case $arguments in
    *FILE*) _files ;;
    *\|*)
        if (($2 == 0)); then
            compadd -- ${(s:|:)${${arguments%%\[*}// /}}
        elif [[ $arguments == *NAME* ]]; then
            presets=("${(@f)$(command "${(Q)words[1]}" preset list 2>/dev/null)}")
            presets=("${(@)presets[2,-1]%% *}")
            compadd -a presets
        fi
        ;;
    *SRC*DEVICE*) (($2 != 1)) || _rpfpolicy_devices ;;
    *DEVICE*)
        [[ $1 != (explain|pause|resume) ]] || compadd all default
        _rpfpolicy_devices
        ;;
    esac
}

_rpfpolicy() {
    local verb='' option='' word
    integer i before=0
    local -a help verbs plain valued

    setopt localoptions extendedglob noksharrays
    _rpfpolicy_help
    _rpfpolicy_read_options
    for ((i = 2; i < CURRENT; i++)); do
        word=$words[i] option=''
        if [[ -n ${(M)valued:#$word:*} && -z ${(M)plain:#$word:*} ]]; then
            option=$word
            ((i++))
        elif [[ $word != -* && -z $verb ]]; then
            verb=${(Q)word}
            _rpfpolicy_help "$verb"
            _rpfpolicy_read_options
        elif [[ $word != -* ]]; then
            ((before++))
        fi
    done
    ((i > CURRENT)) || option=''
    if [[ -n $option ]]; then
        _rpfpolicy_value "$option"
    elif compset -P 1 '--[a-z-]##='; then
        _rpfpolicy_value "${IPREFIX%=}"
    elif [[ $PREFIX == -* ]]; then
        _describe -o option plain -- valued -S =
    elif [[ -z $verb ]]; then
        _rpfpolicy_read_verbs
        _describe command verbs
    else
        _rpfpolicy_argument "$verb" "$before"
    fi
}

_rpfpolicy "$@"
