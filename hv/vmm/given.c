/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/given_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

int given_open(const char *path, int flags)
{
	char rest;
	int fd;

	if (sscanf(path, "fd:%d%c", &fd, &rest) != 1)
		fd = open(path, flags | O_CLOEXEC);
	else if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return -errno;
	return fd < 0 ? -errno : fd;
}
