#!/bin/sh
# hai for machines that have no Node: a POSIX shell, curl and awk; jq, where there is one, makes the tables.
set -u
export LC_ALL=C
nl=$(printf '\n.') nl=${nl%.}
usage="usage: hai.sh ask [-n] [--timeout SECONDS] TEXT...   put a task down and wait for its answer; what is piped in goes along
       hai.sh task show ID                           everything about a task
       hai.sh todo add [-n] TEXT... | ls | done ID   the list of what is to be done
       hai.sh cost                                   what was spent
TEXT - reads stdin; -n leaves stdin alone: in a while read loop it is the loop's.
HAI_ENDPOINT and HAI_WORKSPACE say which server; the token is in HAI_TOKEN, or in the file ~/.config/hai/token (with HAI_PROFILE=name set: ~/.config/hai/tokens/name).
Exit: 0 done, 1 bug, 2 usage, 3 not found, 4 not allowed, 5 unreachable, 6 the task failed for good, 7 cancelled,
expired or rejected, 8 waits for approval, 9 conflict, 10 budget, 124 gave up waiting, 130 interrupted (129, 143: SIGHUP, SIGTERM)."

plain() { # without controls (U+009B is ESC [ in two bytes) and what turns text round (U+202A-202E, U+2066-2069)
  tr -d '\001-\010\013-\037\177' | awk '{ gsub("\302[\200-\237]|\342\200[\252-\256]|\342\201[\246-\251]", ""); print }'
}

fail() { # STATUS MESSAGE [NEXT STEP]
  printf 'hai: %s\n' "$2${3:+$nl  $3}" | plain >&2
  exit "$1"
}

# Windmill takes a text that begins like $var: for a reference; with one more $, which the door takes off, none is.
quoted() { # TEXT, as the inside of a JSON string
  case $1 in '$'*) printf '$' ;; esac
  printf '%s' "$1" | sed 's/[\\"]/\\&/g' | awk 'NR > 1 { printf "%s", "\\n" }
    { for (i = 1; i < 32; i++) { c = sprintf("%c", i); if (index($0, c)) gsub(c, sprintf("\\u%04x", i)) }
      printf "%s", $0 }'
}

# The first value of that key: a quote in a text is escaped, so "key": is in none; as \u come control characters only.
field() { # JSON KEY
  printf '%s' "$1" | awk -v key="\"$2\"[ \t\n]*:[ \t\n]*\"" '{ text = text (NR > 1 ? "\n" : "") $0 }
    END {
      if (!match(text, key)) exit
      text = substr(text, RSTART + RLENGTH)
      while (match(text, /["\\]/) && substr(text, RSTART, 1) == "\\") {
        c = substr(text, RSTART + 1, 1)
        printf "%s%s", substr(text, 1, RSTART - 1), c == "n" ? "\n" : c == "t" ? "\t" : index("rbfu", c) ? "" : c
        text = substr(text, RSTART + (c == "u" ? 6 : 2))
      }
      printf "%s", substr(text, 1, RSTART - 1)
    }'
}

# Runs a door; its result is in $answer. The token and the body are on no command line.
call() { # PATH JSON
  for again in 1 2 3 ''; do
    answer=$(printf 'header = "Authorization: Bearer %s"\n' "$token" | curl --silent --config - --max-time 60 \
      --header 'Content-Type: application/json' --data-binary @/dev/fd/3 --write-out '\n%{errormsg}\n%{http_code}' \
      "${HAI_ENDPOINT%/}/api/w/$HAI_WORKSPACE/jobs/run_wait_result/p/f/hai/$1?invisible_to_owner=true" 3<<END
$2
END
    )
    status=${answer##*"$nl"} answer=${answer%"$nl"*}
    trouble=${answer##*"$nl"} answer=${answer%"$nl"*}
    case $status$trouble in *resolve*) break ;; 000* | 50[234]*) [ -z "$again" ] || nap "$again" ;; *) break ;; esac
  done
  code=$(field "$answer" code)
  case $status:$code in
    2*) case $answer in '{'* | '['*) return ;; *) fail 5 "$HAI_ENDPOINT answered something that is not JSON" ;; esac ;;
    000:) fail 5 "cannot reach $HAI_ENDPOINT ($trouble)" ;;
    3*) fail 5 "$HAI_ENDPOINT answered with a redirect ($status); is that a login in front of Windmill?" ;;
    401:) fail 4 "$HAI_ENDPOINT does not accept the token from $from" ;;
    403:) fail 4 "$HAI_ENDPOINT refused: $answer" ;;
    404:) fail 3 "workspace $HAI_WORKSPACE at $HAI_ENDPOINT has no f/hai/$1; is the bundle deployed there?" ;;
    422:* | *:?*) ;;
    *) fail 5 "$HAI_ENDPOINT answered $status: $answer" ;;
  esac
  exit=' invalid 2 not_found 3 gone 3 unauthorized 4 forbidden 4 unavailable 5 conflict 9 budget 10 '
  case $exit in *" $code "*) exit=${exit#*" $code "} ;; *) exit=1 ;; esac
  fail "${exit%% *}" "$(field "$answer" message)" "$(field "$answer" next_step)"
}

nap() { sleep "$1" & nap=$! && wait "$nap"; } # a signal ends it at once

show() { # JQ-FILTER, which makes lines of the answer; without jq it is shown as it came
  printf '%s\n' "$answer" | if command -v jq >/dev/null; then jq -r "$1"; else cat; fi | plain
}

# The first that comes of stdin; fails when nothing has come by the time that the COMMAND ends.
first() { # COMMAND
  dd bs=4096 count=1 <&3 2>/dev/null & reader=$!
  { "$@"; kill "$reader"; } >/dev/null 2>&1 3<&- & limit_of=$!
  wait "$reader" 2>/dev/null; came=$?
  kill "$limit_of" 2>/dev/null
  return "$came"
} 3<&0
moment() { sleep 0.2 || sleep 1; }
seconds() { i=0 && while [ $((i += 1)) -le "$1" ]; do sleep 1; done; } # one by one: none is left behind for long

open_stdin() { [ -p /dev/stdin ] || [ -f /dev/stdin ] || [ -S /dev/stdin ]; }

# Whether something is piped to this very process: what its parent reads too is the lines of a loop, or a script.
fed() {
  [ ! -S /dev/stdin ] && open_stdin && [ -e "/proc/$PPID/fd/0" ] || return 1
  # shellcheck disable=SC3013 # of POSIX 2024, and of dash, bash and busybox since long
  [ ! /dev/stdin -ef "/proc/$PPID/fd/0" ] || return 1
  case $(first moment) in *[![:space:]]*) ;; *) return 1 ;; esac
}

# All of stdin into $text, with a point behind it: UTF-8 of at most 4 MiB, or refused. A pipe ends with its writer; a
# socket's other end may be a program that never meant to send anything.
piped() { # HOW-TO-GO-WITHOUT
  { seconds 3 && kill -0 $$; } >/dev/null 2>&1 && printf 'waiting for the end of stdin%s\n' "$1" >&2 & told=$!
  text=$({
    if [ -S /dev/stdin ]; then first seconds 30; fi && head -c 4194305 && printf .
  } | tr '\000' '\377') # of which none is in UTF-8
  kill "$told" 2>/dev/null
  [ "$text" ] || fail 2 'stdin is open, and nothing came from it for 30 s; nothing was sent' '-n leaves it alone'
  [ ${#text} -le 4194305 ] ||
    fail 2 'stdin is more than 4 MiB, and no more can be attached' 'attach the part that matters, for example with tail or grep'
  printf '%s\n' "$text" | awk '{ gsub(/[\302-\337][\200-\277]|[\340-\357][\200-\277][\200-\277]|[\360-\364][\200-\277][\200-\277][\200-\277]/, "") }
    /[\200-\377]/ { exit 1 }' || fail 2 'stdin is not UTF-8 text; attach text only'
}

words() { # TEXT... into $text, ready for JSON, with a new $key
  case $stdin:$* in
    left:-) fail 2 '- is the text from stdin, and -n leaves that alone' ;;
    *:-) stdin=used && piped '' && text=$(printf '%s' "${text%.}") ;;
    *) text=$* ;;
  esac
  case $text in *[![:space:]]*) text=$(quoted "$text") ;; *) fail 2 'there is no text; say what you want' ;; esac
  key=sh-$(date +%s)-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
}

goes_on() { # STATUS HOW
  [ -z "$nap" ] || kill "$nap" 2>/dev/null
  fail "$1" "$2; task $id goes on" "to pick it up: hai.sh task show $id"
}

command="${1-} ${2-}" stdin=open limit=''
case $command in
  ask\ * | 'cost ') command=$1 && shift ;;
  'task show' | 'todo add' | 'todo ls' | 'todo done') shift 2 ;;
  ' ' | -h* | --help* | help*) printf '%s\n' "$usage" && exit ;;
  *) fail 2 "'$*' is no command" 'hai.sh --help lists them' ;;
esac
while :; do
  case $command:${1-} in
    ask:-n | 'todo add:-n') stdin=left && shift ;;
    ask:--timeout)
      case ${2-} in '' | *[!0-9]*) fail 2 "--timeout: '${2-}' is no number of seconds" ;; esac
      limit=$2 && shift 2
      ;;
    *) break ;;
  esac
done
way='… | hai.sh ask TEXT puts a question about it; to leave it alone: < /dev/null'
case $stdin:$command:$* in
  left:* | open:ask:* | 'open:todo add:-') ;;
  *)
    [ "$command" != 'todo add' ] || way='… | hai.sh todo add - takes the text from there; -n leaves it alone'
    ! fed || fail 2 "something is piped in, and hai.sh $command does not read it; nothing was done" "$way"
    ;;
esac
case ${HAI_ENDPOINT-} in http://?* | https://?*) ;; *) fail 2 'HAI_ENDPOINT: expected an http(s):// address' ;; esac
case ${HAI_WORKSPACE-} in '' | *[!A-Za-z0-9_-]*) fail 2 'HAI_WORKSPACE: expected the name of a workspace' ;; esac
zone=${TZ:-$(readlink /etc/localtime 2>/dev/null || cat /etc/timezone 2>/dev/null)} # of the clock on this wall, for "tomorrow 9am"
zone=${zone##*zoneinfo/} zone=${zone#:} zone=${zone#posix/} zone=${zone#right/}
case $zone in Etc/UTC) zone=UTC ;; esac
case $zone in *[!A-Za-z0-9_+/-]* | */*/*/*) zone='' ;; [A-Z]*/* | UTC) zone="\"time_zone\":\"$zone\"," ;; *) zone='' ;; esac
nap='' from=HAI_TOKEN token=${HAI_TOKEN-}
if [ -z "$token" ]; then
  from=${XDG_CONFIG_HOME:-${HOME-}/.config}/hai/token${HAI_PROFILE:+s/$HAI_PROFILE}
  [ -r "$from" ] || fail 4 "there is no token for $HAI_ENDPOINT" "set HAI_TOKEN, or write it to $from and chmod 600 it"
  [ -z "$(find -L "$from" \( -perm -040 -o -perm -004 \))" ] ||
    printf 'hai: others on this machine can read %s; close it: chmod 600 %s\n' "$from" "$from" >&2
  token=$(tr -d ' \t\r\n' <"$from")
fi
case $token in '' | *[!!-~]* | *[\"\\]*) fail 2 "the token in $from is empty or has special characters" ;; esac

case $command in
  ask*)
    words "$@"
    question=$text context=''
    if [ $stdin = open ] && open_stdin && piped '; to go without it: -n' && case $text in *[![:space:]]*?) ;; *) ! : ;; esac; then
      text=$(quoted "$text") context="\"context\":[{\"name\":\"stdin\",\"content\":\"${text%.}\"}],"
    fi
    call inbox "{\"body\":{$zone$context\"source\":\"cli\",\"content\":\"$question\",\"idempotency_key\":\"$key\"}}"
    id=$(field "$answer" task_id) state=$(field "$answer" state) spent=0 pause=1
    trap 'goes_on 130 interrupted' INT; trap 'goes_on 143 "told to end"' TERM; trap 'goes_on 129 "the terminal was closed"' HUP
    # what needs no model came with its answer; what is answered soon is seen soon, where sleep takes parts of a second
    if set -- && [ -z "$state" ] && sleep 0.01 2>/dev/null; then set -- 0.3 0.6 && nap 0.15; fi
    while [ "$state" ] || { call task/result "{\"id\":\"$id\"}" && state=$(field "$answer" state); }; do
      case $state in pending | running) ;; *) break ;; esac
      [ "$spent" -lt "${limit:-$((spent + 1))}" ] || goes_on 124 "gave up waiting after $limit s"
      nap "${1-$pause}"; state=''
      case $# in
        0) spent=$((spent + pause)) pause=$((spent < 36 ? 1 + spent / 4 : 10)) ;;
        1) shift && spent=1 ;;
        *) shift ;;
      esac
    done
    output=$(field "$answer" output) why=$(field "$answer" message) next=$(field "$answer" next_step)
    [ -z "$output" ] || printf '%s\n' "$output" | plain
    case $state in
      'done')
        [ "$output" ] || show .result
        case $(field "$answer" refused) in not_found) exit 3 ;; conflict) exit 9 ;; esac
        ;;
      dead) case $(field "$answer" code) in budget) exit=10 ;; *) exit=6 ;; esac && fail $exit "${why:-task $id failed for good}" "$next" ;;
      awaiting_approval) fail 8 "task $id waits for approval" "hai.sh task show $id" ;;
      *) fail 7 "task $id: $state${why:+, $why}" "$next" ;;
    esac
    ;;
  'todo add') words "$@" && call todo/add "{$zone\"body\":\"$text\",\"parse\":true,\"idempotency_key\":\"$key\"}" &&
    show '"added \(.id[-6:]) \(.body)\(.read.text // "" | if . == "" then . else " · " + . end)", (.read.notes // [] | .[] | "! " + .)' ;;
  'todo ls') call todo/list "{${zone%,}}" &&
    show '(.todos[] | "\(.id[-6:])  \(((.due // "" | if length > 10 then fromdate | strflocaltime("%Y-%m-%d %H:%M") else . end) + "                ")[0:16])  \(.body)\(.tags | map(" #" + .) | add // "")"),
      (if .total > (.todos | length) then "\(.todos | length) of \(.total)" else empty end)' ;;
  'todo done')
    [ $# -gt 0 ] || fail 2 'which todo? give its id'
    for id in "$@"; do
      call todo/update "{$zone\"id\":\"$(quoted "$id")\",\"status\":\"done\"}" && show '"done: \(.id[-6:]) \(.body)"'
    done
    ;;
  'task show') call task/show "{\"id\":\"$(quoted "${1-}")\"}" &&
    show '"\(.id)  \(.state)", "  " + (.content | split("\n")[]), (.waiting_on // empty | "waits: " + .text),
      (.events[] | "\(.at[0:19])  \(.text)"), (.output // empty),
      (.partial // empty | "what had come (not whole):", .), (.error // empty | .message, .next_step // empty)' ;;
  cost*) call cost/report '{}' &&
    show '"\(.since) to \(.until): $\(.total.known_usd), \(.total.calls) model calls, \(.tasks.total) tasks",
      (.by_day[] | "\(.day)  $\(.known_usd)  \(.calls) calls"), (.unknown[] | "no price: \(.model), \(.calls) calls")' ;;
esac
