# SPDX-License-Identifier: Apache-2.0
# FRRouting, all its daemons, as Debian ships them.

title=FRRouting
title_package=frr
packages="frr"
memory_mib=160
files_under=/etc/frr
paths="usr/lib/frr usr/bin/vtysh usr/bin/mtracebis usr/lib/x86_64-linux-gnu/frr usr/share/yang
	etc/frr/daemons etc/frr/vtysh.conf etc/frr/support_bundle_commands.conf
	lib/x86_64-linux-gnu/security/pam_permit.so lib/x86_64-linux-gnu/security/pam_rootok.so"

setup() {
	rm -f "$1"/usr/lib/frr/*.py
	mkdir -p "$1/etc/pam.d" "$1/var/log/frr" "$1/var/tmp/frr"
	# vtysh asks PAM for the account as well, which Debian's file leaves to common-account.
	printf '%s sufficient pam_rootok.so\n%s required pam_permit.so\n' auth auth account account \
		>"$1/etc/pam.d/frr"
	# Without frr.conf of its own an image starts daemons from whichever files a guest brings.
	rm -f "$1/etc/frr/frr.conf"
	chown -R 101:101 "$1/etc/frr" "$1/var/log/frr" "$1/var/tmp/frr"
}
