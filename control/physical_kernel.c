/* SPDX-License-Identifier: Apache-2.0 */
/* Interfaces of the kernel's, as ports: their state, and the XDP program that the engine attaches
 * (dataplane/slices.bpf.c). Its maps are reached by way of the interface, whoever has loaded it: the
 * engine may not, and weftd may be another one than before. */
#include "control/physical_priv.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define PROGRAM "weft_slices"
#define VLANS	4096

int physical_links_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -errno;
}

/* What has changed is not read from the messages, of which some may be lost. */
void physical_links_drain(int fd)
{
	char bytes[8192];

	while (recv(fd, bytes, sizeof(bytes), 0) > 0 || errno == ENOBUFS)
		errno = 0;
}

static int ask(const char *interface, unsigned long what, struct ifreq *ifr)
{
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = 0;

	if (sock < 0)
		return -errno;
	snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", interface);
	if (ioctl(sock, what, ifr) < 0)
		code = -errno;
	close(sock);
	return code;
}

void physical_link_get(const char *interface, struct physical_link *out)
{
	struct ifreq ifr = { 0 };

	*out = (struct physical_link){ 0 };
	if (ask(interface, SIOCGIFHWADDR, &ifr) == 0)
		out->ethernet = ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER;
	if (ask(interface, SIOCGIFFLAGS, &ifr) == 0) {
		out->up = ifr.ifr_flags & IFF_UP;
		out->carrier = out->up && ifr.ifr_flags & IFF_RUNNING;
	}
	if (ask(interface, SIOCGIFINDEX, &ifr) == 0)
		out->index = (unsigned)ifr.ifr_ifindex;
}

static int ask_ethtool(const char *interface, void *request)
{
	struct ifreq ifr = { .ifr_data = request };

	return ask(interface, SIOCETHTOOL, &ifr);
}

/* A tag that the NIC has taken off is not in the frame that an XDP program sees. */
static int keep_tags(const char *interface, struct err *err)
{
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	int code = ask_ethtool(interface, &flags);

	if (code || !(flags.data & ETH_FLAG_RXVLAN))
		return 0; /* it takes none off */
	flags.cmd = ETHTOOL_SFLAGS;
	flags.data &= ~(uint32_t)ETH_FLAG_RXVLAN;
	code = ask_ethtool(interface, &flags);
	return code ? err_sys(err, code, "%s takes the tags off frames, and cannot be kept from it", interface) : 0;
}

/* The id of the program on the interface, 0: none; and whether it is ours. */
static uint32_t attached(unsigned index, int *fd, struct bpf_prog_info *info)
{
	uint32_t id = 0, len = sizeof(*info);

	*fd = -1;
	memset(info, 0, sizeof(*info));
	if (bpf_xdp_query_id((int)index, 0, &id) < 0 || !id)
		return 0;
	*fd = bpf_prog_get_fd_by_id(id);
	if (*fd >= 0)
		bpf_obj_get_info_by_fd(*fd, info, &len);
	return id;
}

int physical_xdp_ready(const char *interface, unsigned index, struct err *err)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	struct bpf_prog_info info;
	int fd;
	uint32_t id = attached(index, &fd, &info);

	if (fd >= 0)
		close(fd);
	if (id && strcmp(info.name, PROGRAM) != 0)
		return err_set(err, -EBUSY, "%s has another XDP program, %s", interface,
			       info.name[0] ? info.name : "of no name");
	/* The engine receives by one thread, and from one queue; what says nothing of its queues has one. */
	if (ask_ethtool(interface, &channels) == 0 && channels.rx_count + channels.combined_count > 1)
		return err_set(err, -ENOTSUP, "%s has %u queues, one is served: ethtool -L %s %s 1", interface,
			       channels.rx_count + channels.combined_count, interface,
			       channels.combined_count ? "combined" : "rx");
	return keep_tags(interface, err);
}

void physical_xdp_clear(unsigned index)
{
	struct bpf_prog_info info;
	int fd;

	if (!attached(index, &fd, &info))
		return;
	if (fd >= 0)
		close(fd);
	if (!strcmp(info.name, PROGRAM))
		bpf_xdp_detach((int)index, 0, NULL);
}

/* The map `taken` of the program; -ENOENT: it is not ours. */
static int open_taken(int program)
{
	uint32_t ids[8] = { 0 }, len = sizeof(struct bpf_prog_info);
	struct bpf_prog_info info = { .nr_map_ids = 8, .map_ids = (uintptr_t)ids };

	if (bpf_obj_get_info_by_fd(program, &info, &len) < 0 || strcmp(info.name, PROGRAM) != 0)
		return -ENOENT;
	for (unsigned i = 0; i < info.nr_map_ids && i < 8; i++) {
		struct bpf_map_info map = { 0 };
		int fd = bpf_map_get_fd_by_id(ids[i]);

		len = sizeof(map);
		if (fd >= 0 && bpf_obj_get_info_by_fd(fd, &map, &len) == 0 && !strcmp(map.name, "taken") &&
		    map.value_size == 1 && map.max_entries == VLANS)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENOENT;
}

int physical_xdp_fill(unsigned index, const uint8_t *taken, struct err *err)
{
	struct bpf_prog_info info;
	uint32_t keys[VLANS], count = VLANS;
	int program, map, code = 0;

	attached(index, &program, &info);
	map = program < 0 ? -ENOENT : open_taken(program);
	for (unsigned i = 0; i < VLANS; i++)
		keys[i] = i;
	if (map < 0)
		code = map;
	else if (bpf_map_update_batch(map, keys, taken, &count, NULL) < 0)
		code = -errno;
	if (map >= 0)
		close(map);
	if (program >= 0)
		close(program);
	return code ? err_sys(err, code, "the XDP program cannot be told its VLANs") : 0;
}
