# fish completion for rpfpolicy(1). What there is to complete, and the words beside it, are taken from
# `rpfpolicy --help` when this file is loaded, so that it is always that of the installed program.

function __rpfpolicy_help
    command rpfpolicy $argv --help 2>/dev/null
end

# The words of the line behind the program that are neither options nor their values: first the command.
function __rpfpolicy_words
    set -l skip no
    for word in (commandline -opc)[2..-1]
        if test $skip = yes
            set skip no
        else if contains -- $word $__rpfpolicy_valued
            set skip yes
        else if not string match -q -- '-*' $word
            echo $word
        end
    end
end

function __rpfpolicy_no_verb
    test (count (__rpfpolicy_words)) -eq 0
end

function __rpfpolicy_is -a verb
    test "$(__rpfpolicy_words)[1]" = $verb
end

# Is it the command's argument of this number, from 1? "2-": or a later one.
function __rpfpolicy_at -a verb number
    set -l words (__rpfpolicy_words)
    test "$words[1]" = $verb; or return
    if set -l least (string match -r -g '(.*)-$' -- $number)
        test (count $words) -ge $least
    else
        test (count $words) -eq $number
    end
end

function __rpfpolicy_devices
    string match -r -g '^ *([^:]*):' </proc/self/net/dev
end

function __rpfpolicy_presets
    command rpfpolicy preset list 2>/dev/null | string match -r -g '^([a-z][^ ]*) '
end

function __rpfpolicy_options -a condition
    for line in $argv[2..-1]
        set -l found (string match -r -g '^  (?:-[a-z], )?--([a-z-]+)(\[?=?[A-Z]*\]?)  +(.*)$' -- $line)
        or continue
        set -l name $found[1]
        set -l text $found[3]
        string match -q -- '=*' $found[2]; and set -ga __rpfpolicy_valued --$name
        switch $name
            case help
                complete -c rpfpolicy -n $condition -s h -l help -d $text
            case format
                complete -c rpfpolicy -n $condition -l format -x -a (string replace -a ', ' ' ' $text) \
                    -d 'how to print'
            case color
                complete -c rpfpolicy -n $condition -l color -x -a 'auto always never' -d $text
            case flavor
                complete -c rpfpolicy -n $condition -l flavor -x -a 'systemd procps' -d $text
            case proto
                complete -c rpfpolicy -n $condition -l proto -x -a 'tcp udp icmp' -d $text
            case key
                set -l known (command rpfpolicy explain lo --key= 2>&1 | string match -r -g 'known are (.*)')
                complete -c rpfpolicy -n $condition -l key -x -a (string replace -a ', ' ' ' $known) \
                    -d $text
            case policy
                complete -c rpfpolicy -n $condition -l policy -r -F -d $text
            case root sysctl-root proc-sys-net
                complete -c rpfpolicy -n $condition -l $name -x -a '(__fish_complete_directories)' \
                    -d $text
            case '*'
                if string match -q -- '=*' $found[2]
                    complete -c rpfpolicy -n $condition -l $name -x -d $text
                else
                    complete -c rpfpolicy -n $condition -l $name -d $text
                end
        end
    end
end

# What can stand behind a command, by what its help says of it.
function __rpfpolicy_arguments -a verb arguments
    switch $arguments
        case '*FILE*'
            complete -c rpfpolicy -n "__rpfpolicy_is $verb" -F
        case '*|*'
            set -l words (string replace -r ' *\[.*' '' -- $arguments | string split '|' | string trim)
            complete -c rpfpolicy -n "__rpfpolicy_at $verb 1" -a "$words"
            string match -q '*NAME*' -- $arguments
            and complete -c rpfpolicy -n "__rpfpolicy_at $verb 2-" -a '(__rpfpolicy_presets)'
        case '*SRC*DEVICE*'
            complete -c rpfpolicy -n "__rpfpolicy_at $verb 2" -a '(__rpfpolicy_devices)'
        case '*DEVICE*'
            contains -- $verb explain pause resume
            and complete -c rpfpolicy -n "__rpfpolicy_is $verb" -a 'all default'
            complete -c rpfpolicy -n "__rpfpolicy_is $verb" -a '(__rpfpolicy_devices)'
    end
end

function __rpfpolicy_setup
    set -l help (__rpfpolicy_help)
    set -l commands
    set -l name ''

    set -g __rpfpolicy_valued
    complete -c rpfpolicy -f
    __rpfpolicy_options __rpfpolicy_no_verb $help
    for line in $help
        if test "$line" = Commands:
            set commands yes
        else if test -z "$line"
            set commands
        else if test -z "$commands"
            continue
        else if set -l found (string match -r -g '^  ([a-z][a-z-]*)(?: \S+)*(?:  +(.*))?$' -- $line)
            set name $found[1]
            test -n "$found[2]"
            and complete -c rpfpolicy -n __rpfpolicy_no_verb -a $name -d "$found[2]"
            set -l own (__rpfpolicy_help $name)
            __rpfpolicy_options "__rpfpolicy_is $name" $own
            __rpfpolicy_arguments $name (string replace -r '.*\[OPTION\.\.\.\]' '' -- "$own[1..2]")
        else
            complete -c rpfpolicy -n __rpfpolicy_no_verb -a $name -d (string trim -- $line)
        end
    end
end

__rpfpolicy_setup
functions -e __rpfpolicy_setup __rpfpolicy_options __rpfpolicy_arguments __rpfpolicy_help
