/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interfaces of the kernel's by net_af_xdp. Each has a pool of buffers of its own, which the kernel shares;
 * packets are copied. DPDK 22.11's driver keeps those that the kernel has when it closes a device: they go
 * with the pool. It also miscounts who uses its memory and forgets its XDP program, so that it leaves its
 * sockets and the program's maps open; and a socket that is open keeps its queue of the interface for
 * itself, which could not be opened again. What is left of a device is therefore closed here.
 */
#include "dataplane/device_priv.h"

#include "base/clock.h"
#include "dataplane/engine_priv.h"

#include <dirent.h>
#include <errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* The driver fills a ring of 2048 with them, and sends from as many. */
enum { XDP_BUFFERS = 4096, XDP_CLOSING_MS = 2000 };

bool device_is_xdp(const char *devargs)
{
	return !strncmp(devargs, "net_af_xdp", strlen("net_af_xdp"));
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

int device_xdp_pool(struct device *dev)
{
	struct rte_pktmbuf_pool_private priv = { .mbuf_data_room_size = RTE_PKTMBUF_HEADROOM + FRAME_SMALL };
	char name[RTE_MEMPOOL_NAMESIZE];

	/* The driver takes it for one piece without gaps, as buffers are that may cross pages. */
	snprintf(name, sizeof(name), "xdp-%p", (void *)dev);
	dev->pool = rte_mempool_create(name, XDP_BUFFERS, sizeof(struct rte_mbuf) + priv.mbuf_data_room_size, 0,
				       sizeof(priv), rte_pktmbuf_pool_init, &priv, rte_pktmbuf_init, NULL,
				       SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG);
	return dev->pool && dev->pool->nb_mem_chunks == 1 ? 0 : -ENOMEM;
}

/* A queue that could not be set up is left with memory that the driver has freed, which it would write to
 * when it closes the device. It forgets that when it is given buffers that the kernel takes none of: they
 * are too small. */
static void forget_queue(struct device *dev)
{
	struct rte_mempool *none = rte_pktmbuf_pool_create("xdp-none", 1, 0, 0, RTE_PKTMBUF_HEADROOM + 128,
							   SOCKET_ID_ANY);

	if (none)
		rte_eth_rx_queue_setup(dev->ethdev, 0, DEVICE_DESCRIPTORS, SOCKET_ID_ANY, NULL, none);
	rte_mempool_free(none);
}

void device_xdp_opened(const struct engine *e, struct device *dev, bool started)
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
	if (!started)
		forget_queue(dev);
}

void device_xdp_closed(struct engine *e, struct device *dev)
{
	for (unsigned i = 0; i < dev->xdp_count; i++)
		if (is_xdp(dev->xdp_fds[i]) && !is_others(e, dev, dev->xdp_fds[i]))
			close(dev->xdp_fds[i]);
	dev->xdp_count = 0;
	rte_mempool_free(dev->pool);
	e->xdp_closed_ms = clock_ms();
}

bool device_xdp_closing(const struct engine *e, const char *devargs)
{
	return device_is_xdp(devargs) && e->xdp_closed_ms && clock_ms() - e->xdp_closed_ms < XDP_CLOSING_MS;
}
