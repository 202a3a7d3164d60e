# SPDX-License-Identifier: Apache-2.0
# What a guest does with files of its own, at a cold start (init) and as a clone (clone). Processor
# time is what a guest costs, so it forks as little as it can.

say() {
	read -r up _ </proc/uptime
	echo "weft: $up s: $*" >/dev/console
}

fail() {
	echo "$*" >&2
	exit 1
}

unclonable() {
	echo "$*" >&2
	exit 75
}

# The guest's own files win over the image's; in the initramfs they come first and would lose.
place_files() {
	umask 0
	[ -d /guest ] && cp -r /guest/. / && rm -rf /guest
	umask 022
}

set_hostname() {
	read -r hostname </etc/hostname && echo "$hostname" >/proc/sys/kernel/hostname
}

# Between the NICs and their names: as init loads the drivers, so the clone looks for NICs before.
set_sysctls() {
	for file in /etc/sysctl.conf /etc/sysctl.d/*.conf; do
		[ -f "$file" ] && sysctl -qp "$file"
	done
}

# NICs are known by MAC: /etc/weft/nics has "HW NAME MTU [MAC]" lines. $missing are not there.
name_nics() {
	missing=$(/usr/sbin/weft-agent nics)
}
