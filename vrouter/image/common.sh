# SPDX-License-Identifier: Apache-2.0
# What every image has.

zstd_level=12

common_packages="linux-image-cloud-amd64 busybox-static iproute2 iputils-ping nftables"
common_paths="bin/busybox bin/ip sbin/bridge sbin/tc bin/ss etc/iproute2 bin/ping usr/sbin/nft
	lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"

# Of what the packages depend on, the archives that files are taken from.
wanted='^(lib|zlib1g_|linux-image-[0-9]|busybox-static_|iproute2_|iputils-ping_|nftables_|frr_|bird2_)'

common_setup() {
	ln -s ../bin/busybox "$1/usr/bin/sh"
	# Applets in the place of real files: busybox calls them by itself, other programs by path.
	for applet in $("$1/usr/bin/busybox" --list); do
		[ -e "$1/usr/bin/$applet" ] || [ -e "$1/usr/sbin/$applet" ] ||
			ln -s busybox "$1/usr/bin/$applet"
	done
	ln -sf ../bin/busybox "$1/usr/sbin/modprobe"
	printf '#!/bin/sh\nexec /bin/busybox sh "$@"\n' >"$1/usr/bin/bash"
	chmod 755 "$1/usr/bin/bash"
	install -m 755 "$here/init" "$1/init"
	install -m 644 "$here/$name.start" "$1/usr/lib/weft/start"
	install -m 755 "$here/$name.protocols" "$1/usr/lib/weft/protocols"
	cat >"$1/etc/passwd" <<-END
		root:x:0:0:root:/root:/bin/sh
		frr:x:101:101::/nonexistent:/usr/sbin/nologin
		bird:x:102:103::/run/bird:/usr/sbin/nologin
		nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin
	END
	cat >"$1/etc/group" <<-END
		root:x:0:
		tty:x:5:
		frr:x:101:frr
		frrvty:x:102:frr
		bird:x:103:bird
		nogroup:x:65534:
	END
	printf 'passwd: files\ngroup: files\nhosts: files dns\n' >"$1/etc/nsswitch.conf"
	printf '127.0.0.1 localhost\n::1 localhost\n' >"$1/etc/hosts"
	echo router >"$1/etc/hostname"
}
