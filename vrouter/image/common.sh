# SPDX-License-Identifier: Apache-2.0
# What every image has.

zstd_level=12

common_packages="linux-image-cloud-amd64 busybox-static dash bash iproute2 iputils-ping nftables"
common_paths="bin/busybox bin/dash bin/bash bin/ip sbin/bridge sbin/tc bin/ss etc/iproute2 bin/ping usr/sbin/nft
	lib/x86_64-linux-gnu/ld-linux-x86-64.so.2"

# Of what the packages depend on, the archives that files are taken from.
wanted='^(lib|zlib1g_|linux-image-[0-9]|busybox-static_|dash_|bash_|iproute2_|iputils-ping_|nftables_|frr_|bird2_)'

common_setup() {
	# A busybox shell runs its own applets whatever is in PATH, which saves init many programs and
	# would take ip and ping from everybody else: they have Debian's shell.
	ln -s dash "$1/usr/bin/sh"
	for applet in $("$1/usr/bin/busybox" --list); do
		[ -e "$1/usr/bin/$applet" ] || [ -e "$1/usr/sbin/$applet" ] ||
			ln -s busybox "$1/usr/bin/$applet"
	done
	ln -sf ../bin/busybox "$1/usr/sbin/modprobe"
	install -m 755 "$here/init" "$1/init"
	install -m 644 "$here/guest.sh" "$1/usr/lib/weft/guest"
	install -m 644 "$here/$name.start" "$1/usr/lib/weft/start"
	install -m 644 "$here/$name.clone" "$1/usr/lib/weft/prepare"
	install -m 755 "$here/template" "$here/clone" "$1/usr/lib/weft/"
	install -m 755 "$here/$name.protocols" "$1/usr/lib/weft/protocols"
	cat >"$1/etc/passwd" <<-END
		root:x:0:0:root:/root:/bin/bash
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
	# As elsewhere, loading these makes no interface that nobody asked for.
	mkdir -p "$1/etc/modprobe.d"
	printf 'options %s\n' 'dummy numdummies=0' 'ifb numifbs=0' 'bonding max_bonds=0' \
		>"$1/etc/modprobe.d/weft.conf"
}
