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

# The same without the agent, and the NIC before them, which is for management: 169.254.251.2 is the other end.
# Names change twice, as one that is to be given may be another's.
name_nics_alone() {
	n=0
	while read -r hw _; do
		n=$((n + 1))
		for dev in /sys/class/net/*; do
			[ "$(cat "$dev/address")" != "$hw" ] || ip link set "${dev##*/}" name "nic+$n"
		done
	done </etc/weft/nics
	n=0
	while read -r _ name mtu _; do
		n=$((n + 1))
		ip link set "nic+$n" name "$name" mtu "$mtu" up
	done </etc/weft/nics
	ip addr add 169.254.251.15/24 dev eth0
	ip link set eth0 up
}

# NICs are known by MAC: /etc/weft/nics has "HW NAME MTU [MAC]" lines. $missing are not there.
name_nics() {
	missing=$(/usr/sbin/weft-agent nics)
}
