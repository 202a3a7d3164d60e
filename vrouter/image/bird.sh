# SPDX-License-Identifier: Apache-2.0
# BIRD 2, as Debian ships it.

title=BIRD
title_package=bird2
packages="bird2"
memory_mib=128
files_under=/etc/bird
paths="usr/sbin/bird usr/sbin/birdc etc/bird"

setup() {
	chown -R 102:103 "$1/etc/bird"
}
