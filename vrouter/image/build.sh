#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds one guest image:  build.sh NAME STORE AGENT [force]
#
# Standard output is for the caller: "progress SHARE TEXT" lines, then "key KEY". What goes wrong
# is the last line of standard error. The host's packages are never touched: apt resolves against
# an empty status file, and the archives are unpacked with dpkg-deb.
set -eu
export LC_ALL=C
umask 022

name=$1 store=$2 agent=$3 force=${4-}
here=$(cd "$(dirname "$0")" && pwd)
. "$here/lib.sh"
. "$here/common.sh"
[ -f "$here/$name.sh" ] || die "no recipe for an image named $name"
. "$here/$name.sh"
[ -r "$agent" ] || die "$agent: weft-agent is not built"
need apt-get dpkg-deb readelf strip ldconfig cpio zstd sha256sum

mkdir -p "$store/cache/partial"
store=$(cd "$store" && pwd)
work=$(mktemp -d "$store/.build-$name-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

progress 0.02 "resolving packages"
resolve "$work" $common_packages $packages
key=$({
	cd "$here" && sha256sum build.sh lib.sh common.sh modules init guest.sh template clone "$name".*
	sha256sum <"$agent"
	cat "$work/archives"
} | sha256sum | cut -d' ' -f1)

if [ -n "$force" ] || [ ! -f "$store/$key/image.json" ]; then
	progress 0.05 "fetching packages"
	fetch "$work" "$store/cache" $common_packages $packages
	progress 0.30 "unpacking packages"
	unpack "$work" "$store/cache"
	kernel_version=$(basename "$work"/kernel/lib/modules/*)
	progress 0.50 "choosing files"
	mkdir "$work/root"
	skeleton "$work/root"
	take "$work" $common_paths $paths
	common_setup "$work/root"
	setup "$work/root"
	modules "$work" "$kernel_version" "$here/modules"
	libraries "$work"
	install -D -m 755 "$agent" "$work/root/usr/sbin/weft-agent"
	strip "$work/root/usr/sbin/weft-agent"
	echo "$name" >"$work/root/etc/weft/image"
	mkdir "$work/out"
	cp "$work/kernel/boot/vmlinuz-$kernel_version" "$work/out/vmlinuz"
	progress 0.70 "packing"
	pack "$work/root" "$work/out/initrd.zst"
	describe "$work" "$kernel_version" >"$work/out/image.json"
	chmod 755 "$work/out"
	chmod 644 "$work/out"/*
	rm -rf "$store/$key"
	mv "$work/out" "$store/$key"
fi
ln -s "$key" "$work/link"
mv -T "$work/link" "$store/$name"
progress 1 "built"
echo "key $key"
