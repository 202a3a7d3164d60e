/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What net_af_xdp has open. DPDK 22.11's driver miscounts who uses its memory, and forgets its XDP
 * program: when it closes a device it leaves its sockets and the program's maps open, and a socket that
 * is open keeps its queue of the interface for itself, which could not be opened again. What is left
 * of a device is therefore closed here.
 */
#include "dataplane/device_priv.h"

#include "dataplane/engine_priv.h"

#include <dirent.h>
#include <errno.h>
#include <rte_ethdev.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

bool device_is_xdp(const struct device *dev)
{
	return !strncmp(dev->devargs, "net_af_xdp", strlen("net_af_xdp"));
}

/* An AF_XDP socket, or a program, a map or types of BPF: nothing else here opens such. */
static bool is_xdp(int fd)
{
	char path[32], target[32];
	int domain = 0;
	socklen_t len = sizeof(domain);
	ssize_t n;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0)
		return domain == AF_XDP;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;
	target[n] = 0;
	return !strncmp(target, "anon_inode:bpf", 14) || !strcmp(target, "anon_inode:btf");
}

static bool is_others(const struct engine *e, const struct device *dev, int fd)
{
	for (unsigned i = 0; i < DEVICES_MAX; i++)
		for (unsigned k = 0; e->devices[i] && e->devices[i] != dev && k < e->devices[i]->xdp_count; k++)
			if (e->devices[i]->xdp_fds[k] == fd)
				return true;
	return false;
}

void device_xdp_opened(const struct engine *e, struct device *dev)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)) && dev->xdp_count < DEVICE_XDP_FDS) {
		int fd = atoi(entry->d_name);

		if (is_xdp(fd) && !is_others(e, dev, fd))
			dev->xdp_fds[dev->xdp_count++] = fd;
	}
	if (dir)
		closedir(dir);
}

void device_xdp_closed(const struct engine *e, struct device *dev)
{
	for (unsigned i = 0; i < dev->xdp_count; i++)
		if (is_xdp(dev->xdp_fds[i]) && !is_others(e, dev, dev->xdp_fds[i]))
			close(dev->xdp_fds[i]);
	dev->xdp_count = 0;
}

int device_xdp_queue(struct device *dev, uint16_t queue, uint16_t descriptors, struct rte_mempool *pool)
{
	int rc = -EAGAIN;

	/* The kernel lets go of a queue some time after its socket was closed. */
	for (unsigned i = 0; i < 20 && rc; i++) {
		if (i)
			usleep(5000);
		rc = rte_eth_rx_queue_setup(dev->ethdev, queue, descriptors, SOCKET_ID_ANY, NULL, pool);
	}
	return rc;
}
