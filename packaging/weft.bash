# SPDX-License-Identifier: Apache-2.0
# Completion of weft(1) in bash. Verbs and options are what --help says; vnets and nodes what runs.

_weft_verbs()
{
	weft --help 2>/dev/null | sed -n 's/^  \([a-z]\{2,\}\) .*/\1/p'
}

_weft_options()
{
	weft "$1" --help 2>/dev/null | grep -oE -- '--[a-z][a-z-]*' | sort -u
}

# Names in the first column below the heading NODE or VNET.
_weft_names()
{
	weft inspect "${@:2}" 2>/dev/null | awk -v head="$1" '$1 == head { on = 1; next } !NF { on = 0 } on { print $1 }'
}

_weft_ports()
{
	local node=${2%%:*}

	weft inspect "$1" "$node" 2>/dev/null |
		awk -v node="$node" '$1 == "PORT" { on = 1; next } !NF { on = 0 } on { print node ":" $1 }'
}

_weft()
{
	local cur prev words cword split
	local verb words_of=""

	_init_completion -n : || return
	if [ "$cword" -eq 2 ] && [ "$prev" = --token-file ]; then
		_filedir
		return
	elif [ "$cword" -gt 2 ] && [ "${words[1]}" = --token-file ]; then
		words=("${words[0]}" "${words[@]:3}")
		((cword -= 2))
	fi
	verb=${words[1]}
	if [ "$cword" -eq 1 ]; then
		COMPREPLY=($(compgen -W "$(_weft_verbs) --help --version --token-file" -- "$cur"))
		return
	fi
	if [[ $cur == -* ]]; then
		COMPREPLY=($(compgen -W "$(_weft_options "$verb")" -- "$cur"))
		return
	fi
	if [ "$prev" = --format ]; then
		COMPREPLY=($(compgen -W "table json" -- "$cur"))
		return
	fi
	case $verb:$cword in
	deploy:2 | run:2)
		_filedir '@(yml|yaml)'
		return
		;;
	help:2) words_of=$(_weft_verbs) ;;
	link:2) words_of="down up set clear show" ;;
	image:2) words_of="build list" ;;
	port:2) words_of="list reload" ;;
	user:2) words_of="add set token remove list" ;;
	user:3) words_of=$(weft user list 2>/dev/null | sed -n "s/^\([^ :]*\):.*/\1/p") ;;
	image:3) words_of="frr bird" ;;
	destroy:* | *:2) words_of=$(_weft_names VNET) ;;
	link:3) words_of=$(_weft_names VNET) ;;
	link:4 | capture:3 | trace:3)
		if [[ $cur == *:* ]]; then
			words_of=$(_weft_ports "${words[cword - 1]}" "$cur")
		else
			words_of=$(_weft_names NODE "${words[cword - 1]}")
			compopt -o nospace
		fi
		;;
	verify:* | *:3) words_of=$(_weft_names NODE "${words[2]}") ;;
	esac
	COMPREPLY=($(compgen -W "$words_of" -- "$cur"))
	__ltrim_colon_completions "$cur"
} && complete -F _weft weft
