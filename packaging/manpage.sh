#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# manpage.sh PAGE.SECTION VERSION SUMMARY PROGRAM [VERB]: writes the page of what --help says.
set -eu
out=$1 version=$2 summary=$3
shift 3
page=${out##*/}
"$@" --help >"$out.help"
awk -v name="${page%.*}" -v section="${page##*.}" -v version="$version" -v summary="$summary" \
	-f "$(dirname "$0")/manpage.awk" "$out.help" >"$out.new"
rm "$out.help"
mv "$out.new" "$out"
