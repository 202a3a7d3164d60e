# SPDX-License-Identifier: Apache-2.0
# Makes a man page of what a program says to --help:
#   weft deploy --help | awk -v name=weft-deploy -v section=1 -v version=0.1 -v summary=... -f manpage.awk
# Knows the forms that help texts here have: "Usage: ...", "Heading:" above indented lines of a term,
# two spaces or more, and what it means, and "Heading: text". Lines of examples stay as they are.

function roff(text)
{
	gsub(/\\/, "\\e", text)
	gsub(/-/, "\\-", text)
	return text ~ /^[.']/ ? "\\&" text : text
}

function head(title)
{
	if (verbatim)
		print ".EE"
	verbatim = title ~ /^[Ee]xamples?$/
	print ".SH \"" toupper(title) "\""
	if (verbatim)
		print ".EX"
	started = 1
	usage = 0
}

BEGIN {
	printf ".TH \"%s\" \"%s\" \"\" \"Weft %s\" \"Weft\"\n", toupper(name), section, version
	printf ".SH NAME\n%s \\- %s\n", roff(name), roff(summary)
}

/^[Uu]sage:/ {
	print ".SH SYNOPSIS"
	usage = 1
	sub(/^[Uu]sage: */, "")
	print roff($0)
	next
}

usage && /^       / {
	sub(/^ +/, "")
	print ".br\n" roff($0)
	next
}

usage && /^$/ {
	next
}

usage && !/:$/ { # text follows
	head("Description")
}

/^[A-Za-z][A-Za-z ]*:$/ {
	head(substr($0, 1, length($0) - 1))
	next
}

/^(Exit codes|Environment|Example): / {
	head(substr($0, 1, index($0, ":") - 1))
	$0 = (verbatim ? "  " : "") substr($0, index($0, ":") + 2)
}

verbatim {
	sub(/^  /, "")
	print roff($0)
	next
}

/^$/ {
	if (started)
		print ".PP"
	next
}

/^  [^ ]/ {
	sub(/^  /, "")
	at = match($0, /   *[^ ]/)
	print ".TP"
	print ".B " roff(at ? substr($0, 1, at - 1) : $0)
	if (at) {
		rest = substr($0, at)
		sub(/^ +/, "", rest)
		print roff(rest)
	}
	next
}

{
	sub(/^ +/, "")
	if (started)
		print roff($0)
}

END {
	if (verbatim)
		print ".EE"
}
