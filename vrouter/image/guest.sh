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

# Before the NICs appear, which take the defaults of that moment.
set_sysctls() {
	for file in /etc/sysctl.conf /etc/sysctl.d/*.conf; do
		[ -f "$file" ] && sysctl -qp "$file"
	done
}

# NICs are known by MAC: /etc/weft/nics has "MAC NAME MTU" lines. Two passes, since a name may
# still belong to another NIC. Leaves those that are not there in $missing.
name_nics() {
	apart= final='link set dev lo up
' here=
	for dir in /sys/class/net/*; do
		read -r mac <"$dir/address"
		here="$here $mac=${dir##*/} "
	done 2>/dev/null
	missing=
	while read -r mac name mtu; do
		nic=${here#* "$mac="}
		if [ "$nic" = "$here" ]; then
			missing="$missing $name"
			continue
		fi
		nic=${nic%% *}
		apart="${apart}link set dev $nic name weft-$nic
"
		final="${final}link set dev weft-$nic name $name mtu $mtu up
"
	done </etc/weft/nics
	[ -z "$apart" ] || /usr/bin/ip -batch - <<-ENDAPART
		$apart
	ENDAPART
	/usr/bin/ip -batch - <<-ENDFINAL
		$final
	ENDFINAL
}
