#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The outer machine's system, in which a bed runs weft-vmm: an unmodified Debian kernel with KVM, and
# an initramfs of busybox, socat and the libraries of weft-vmm.  build.sh STORE
#
# Built as guest images are, by the same steps, with the same cache: STORE/KEY/vmlinuz and
# initrd.zst, KEY being the hash of all that goes in. Prints the key.
set -eu
export LC_ALL=C
umask 022

store=$1
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../../vrouter/image/lib.sh"

zstd_level=12
packages="linux-image-cloud-amd64 busybox-static dash socat libevent-2.1-7 libevent-pthreads-2.1-7 libjansson4
	libseccomp2"
wanted='^(lib|zlib1g_|linux-image-[0-9]|busybox-static_|dash_|socat_)'
paths="bin/busybox bin/dash usr/bin/socat lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
	usr/lib/x86_64-linux-gnu/libevent-2.1.so.7* usr/lib/x86_64-linux-gnu/libevent_core-2.1.so.7*
	usr/lib/x86_64-linux-gnu/libevent_pthreads-2.1.so.7* usr/lib/x86_64-linux-gnu/libjansson.so.4*
	usr/lib/x86_64-linux-gnu/libseccomp.so.2*"

need apt-get dpkg-deb readelf ldconfig cpio zstd sha256sum
mkdir -p "$store/cache/partial"
work=$(mktemp -d "$store/.build-l1-XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 1' INT TERM

resolve "$work" $packages
key=$({
	cd "$here" && sha256sum build.sh init modules ../../../vrouter/image/lib.sh | cut -d' ' -f1
	cat "$work/archives"
} | sha256sum | cut -d' ' -f1)
if [ ! -f "$store/$key/initrd.zst" ]; then
	fetch "$work" "$store/cache" $packages
	unpack "$work" "$store/cache"
	version=$(basename "$work"/kernel/lib/modules/*)
	mkdir "$work/root"
	skeleton "$work/root"
	take "$work" $paths
	ln -s dash "$work/root/usr/bin/sh"
	for applet in $("$work/root/usr/bin/busybox" --list); do
		[ -e "$work/root/usr/bin/$applet" ] || ln -s busybox "$work/root/usr/bin/$applet"
	done
	install -m 755 "$here/init" "$work/root/init"
	modules "$work" "$version" "$here/modules"
	libraries "$work"
	mkdir "$work/out"
	cp "$work/kernel/boot/vmlinuz-$version" "$work/out/vmlinuz"
	pack "$work/root" "$work/out/initrd.zst"
	chmod 755 "$work/out"
	mv "$work/out" "$store/$key"
fi
echo "$key"
