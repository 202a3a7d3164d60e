# SPDX-License-Identifier: Apache-2.0
# The steps of build.sh.

die() {
	echo "$*" >&2
	exit 1
}

progress() {
	echo "progress $1 $2"
}

need() {
	for tool in "$@"; do
		command -v "$tool" >/dev/null || die "$tool is needed to build an image"
	done
}

# apt against no installed packages at all, with a cache of its own.
apt() {
	apt_work=$1 apt_cache=$2
	shift 2
	apt-get -qq -y -o Dir::State::status="$apt_work/status" -o Dir::Cache::archives="$apt_cache" \
		-o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache= -o APT::Sandbox::User=root \
		-o APT::Install-Recommends=false -o Debug::NoLocking=true \
		-o Acquire::ForceHash=SHA256 "$@" </dev/null
}

# Writes WORK/archives: file name, size and (where the index tells it here) hash of every package.
resolve() {
	work_=$1
	shift
	: >"$work_/status"
	mkdir -p "$work_/none/partial"
	if ! apt "$work_" "$work_/none" --print-uris install "$@" >"$work_/uris" 2>"$work_/apt.log"; then
		apt-get -qq update >"$work_/apt.log" 2>&1 || true
		apt "$work_" "$work_/none" --print-uris install "$@" >"$work_/uris" 2>"$work_/apt.log" ||
			die "apt cannot find $*: $(tail -n 1 "$work_/apt.log")"
	fi
	cut -d' ' -f2- "$work_/uris" | sort | grep -E "$wanted" >"$work_/archives"
	[ -s "$work_/archives" ] || die "apt names no packages for $*"
}

# Downloads what WORK/archives names into CACHE; apt verifies the signed hashes.
fetch() {
	work_=$1 cache_=$2
	set --
	while read -r file _; do
		base=${file%_*} version=${file%_*}
		base=${base%%_*} version=${version#*_}
		[ -f "$cache_/$file" ] && continue
		set -- "$@" "$base=$(echo "$version" | sed 's/%3a/:/g')"
	done <"$work_/archives"
	[ $# -eq 0 ] && return
	(cd "$cache_" && apt "$work_" "$work_/none" download "$@" >"$work_/apt.log" 2>&1) ||
		die "apt cannot fetch packages: $(tail -n 1 "$work_/apt.log")"
}

# Everything but the kernel into WORK/all, the kernel into WORK/kernel.
unpack() {
	mkdir "$1/all" "$1/kernel"
	while read -r file _; do
		[ -f "$2/$file" ] || die "apt did not fetch $file"
		case $file in
		linux-image-*) dpkg-deb -x "$2/$file" "$1/kernel" ;;
		*) dpkg-deb -x "$2/$file" "$1/all" ;;
		esac || die "$file does not unpack"
	done <"$1/archives"
}

# The directories of a merged-/usr system.
skeleton() {
	for dir in dev proc sys run tmp root etc/weft var/log usr/bin usr/sbin usr/lib64 usr/lib/weft \
		usr/lib/x86_64-linux-gnu usr/lib/modules; do
		mkdir -p "$1/$dir"
	done
	for dir in bin sbin lib lib64; do
		ln -s "usr/$dir" "$1/$dir"
	done
	ln -s ../run "$1/var/run"
}

# Copies paths (patterns, relative to /) of the packages to the same place under /usr or /etc.
take() {
	work_=$1
	shift
	for pattern in "$@"; do
		found=
		for path in "$work_/all"/$pattern; do
			[ -e "$path" ] || continue
			found=1
			to=${path#"$work_/all/"}
			case $to in
			bin/* | sbin/* | lib/* | lib64/*) to=usr/$to ;;
			esac
			mkdir -p "$work_/root/$(dirname "$to")"
			cp -a "$path" "$work_/root/$(dirname "$to")/"
		done
		[ -n "$found" ] || die "$pattern is in none of the packages"
	done
}

# The modules the list names, and those they depend on, with the index modprobe reads.
modules() {
	tree=lib/modules/$2
	(cd "$1/kernel" && find "$tree/kernel" -name '*.ko' | sort) >"$1/ko.all"
	sed 's/#.*//' "$3" | tr -s ' \t' '\n' | grep . | sed 's,.*,/&\\.ko$,' >"$1/ko.patterns"
	: >"$1/ko"
	grep -f "$1/ko.patterns" "$1/ko.all" >"$1/ko.new"
	while [ -s "$1/ko.new" ]; do
		cat "$1/ko.new" >>"$1/ko"
		(cd "$1/kernel" && xargs readelf -p .modinfo <"$1/ko.new") |
			sed -n 's/.* depends=//p' | tr ',' '\n' | grep . | sort -u |
			sed 's/[-_]/[-_]/g; s,.*,/&\\.ko$,' >"$1/ko.deps" || :
		grep -f "$1/ko.deps" "$1/ko.all" | grep -vxFf "$1/ko" >"$1/ko.new" || :
	done
	while read -r ko; do
		install -D -m 644 "$1/kernel/$ko" "$1/root/usr/$ko"
	done <"$1/ko"
	cp "$1/kernel/$tree/modules.builtin" "$1/kernel/$tree/modules.order" "$1/root/usr/$tree/"
	"$1/root/usr/bin/busybox" depmod -b "$1/root" "$2" || die "depmod failed"
	for index in dep alias symbols; do
		sort -o "$1/root/usr/$tree/modules.$index" "$1/root/usr/$tree/modules.$index"
	done
}

# The shared libraries that what is in root/ needs, transitively, and ld.so's cache of them.
libraries() {
	while :; do
		find "$1/root/usr" -type f ! -name '*.ko' -exec readelf -d {} + 2>/dev/null |
			sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u >"$1/needed"
		more=
		while read -r so; do
			[ -z "$(find "$1/root/usr/lib" "$1/root/usr/lib64" -name "$so")" ] || continue
			from=$(find "$1/all/lib" "$1/all/usr/lib" -name "$so" | sort | head -n 1)
			[ -n "$from" ] || die "no package has $so"
			cp -L "$from" "$1/root/usr/lib/x86_64-linux-gnu/$so"
			more=1
		done <"$1/needed"
		[ -n "$more" ] || break
	done
	ln -sf ../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2 "$1/root/usr/lib64/ld-linux-x86-64.so.2"
	echo /usr/lib/x86_64-linux-gnu >"$1/root/etc/ld.so.conf"
	ldconfig -X -r "$1/root"
	rm -rf "$1/root/var/cache"
}

# The same tree gives the same bytes: sorted names, one time, inodes renumbered.
pack() {
	(
		cd "$1"
		find . -exec touch -h -d @0 {} +
		find . -mindepth 1 -print0 | sort -z | cpio -0 -o -H newc --reproducible --quiet
	) | zstd -q -T1 -"$zstd_level" -o "$2" || die "packing failed"
}

describe() {
	title_version=$(package_version "$1" "$title_package")
	printf '{\n "name": "%s",\n "key": "%s",\n "built": "%s",\n "kernel": "%s",\n' \
		"$name" "$key" "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$2"
	printf ' "version": "%s %s, Linux %s",\n "memory_mib": %d,\n "files_under": ["%s"],\n' \
		"$title" "${title_version%-*}" "$2" "$memory_mib" "$files_under"
	printf ' "packages": {'
	sep=
	while read -r file _; do
		package=${file%%_*}
		printf '%s\n  "%s": "%s"' "$sep" "$package" "$(package_version "$1" "$package")"
		sep=,
	done <"$1/archives"
	printf '\n }\n}\n'
}

package_version() {
	sed -n "s/^$2_\(.*\)_[a-z0-9]*\.deb .*/\1/p" "$1/archives" | sed 's/%3a/:/; s/^[0-9]*://' |
		head -n 1
}
