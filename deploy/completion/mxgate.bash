# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# Completion of mxgate for bash. It asks neither daemon nor DNS; a test compares
# it with the program's table of commands.

# The options of a command, by its name; the global ones go with each.
_mxgate_options() {
	case $1 in
	status) echo --all ;;
	check) echo --dns --config ;;
	rdns) echo --config --patterns ;;
	verdicts) echo --prefix --reason --action --limit ;;
	'exception add') echo --owner --reason --ticket --expires --deny ;;
	'exception list') echo --all ;;
	'exception remove') echo --deny --why ;;
	audit) echo --limit ;;
	esac
	echo --json --socket --help --version
}

# What may stand as the value of an option, or nothing when it is free text.
_mxgate_values() {
	case $1:$2 in
	verdicts:--reason) echo pass no-ptr unconfirmed temperror special allow deny generic ;;
	verdicts:--action) echo pass drop reset reject ;;
	esac
}

_mxgate() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local commands='status check rdns why verdicts recheck flush mode exception reload audit'
	local words=() word skip='' command at
	COMPREPLY=()

	# The words so far that are neither options nor their values.
	for ((at = 1; at < COMP_CWORD; at++)); do
		word=${COMP_WORDS[at]}
		if [[ -n $skip ]]; then
			skip=''
			continue
		fi
		case $word in
		--json | --help | --version | --all | --deny) ;;
		--*=*) ;;
		--*) skip=1 ;;
		*) words+=("$word") ;;
		esac
	done
	command=${words[0]-}
	[[ $command == exception ]] && command="exception ${words[1]-}"

	if [[ -n $skip ]]; then
		case $prev in
		--socket | --config | --patterns) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
		*) mapfile -t COMPREPLY < <(compgen -W "$(_mxgate_values "$command" "$prev")" -- "$cur") ;;
		esac
		return
	fi
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "$(_mxgate_options "$command")" -- "$cur")
		return
	fi
	case ${#words[@]}:${words[0]-} in
	0:) mapfile -t COMPREPLY < <(compgen -W "$commands" -- "$cur") ;;
	1:exception) mapfile -t COMPREPLY < <(compgen -W 'add list show remove' -- "$cur") ;;
	1:mode) mapfile -t COMPREPLY < <(compgen -W 'monitor enforce config' -- "$cur") ;;
	2:mode) mapfile -t COMPREPLY < <(compgen -W 'no-ptr unconfirmed generic deny' -- "$cur") ;;
	esac
}

complete -F _mxgate mxgate
