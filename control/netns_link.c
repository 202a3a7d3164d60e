/* SPDX-License-Identifier: Apache-2.0 */
#include "control/netns.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int set_mac_mtu(const char *ifname, const uint8_t mac[6], uint16_t mtu, bool up)
{
	struct ifreq ifr = { 0 };
	int sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), code = 0;

	if (sock < 0)
		return -errno;
	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	/* Setting an address, even the same, makes the kernel forget its neighbours. */
	if (ioctl(sock, SIOCGIFHWADDR, &ifr) < 0 || memcmp(ifr.ifr_hwaddr.sa_data, mac, 6) != 0) {
		ifr.ifr_hwaddr.sa_family = ARPHRD_ETHER;
		memcpy(ifr.ifr_hwaddr.sa_data, mac, 6);
		if (ioctl(sock, SIOCSIFHWADDR, &ifr) < 0)
			code = -errno;
	}
	ifr.ifr_mtu = mtu;
	if (!code && ioctl(sock, SIOCSIFMTU, &ifr) < 0)
		code = -errno;
	ifr.ifr_flags = IFF_UP;
	if (!code && up && ioctl(sock, SIOCSIFFLAGS, &ifr) < 0)
		code = -errno;
	close(sock);
	return code;
}

static int tap_setup(int fd, const char *ifname, const uint8_t mac[6], uint16_t mtu)
{
	struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", ifname);
	if (ioctl(fd, TUNSETIFF, &ifr) < 0 || ioctl(fd, TUNSETPERSIST, 1) < 0)
		return -errno;
	return set_mac_mtu(ifname, mac, mtu, true);
}

int netns_tap(const char *ns, const char *ifname, const uint8_t mac[6], uint16_t mtu,
	      struct err *err)
{
	int back = netns_enter(ns, err), fd, code;

	if (back < 0)
		return back;
	fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	code = fd < 0 ? -errno : tap_setup(fd, ifname, mac, mtu);
	netns_leave(back);
	if (code) {
		if (fd >= 0)
			close(fd);
		return err_sys(err, code, "tap %s in namespace %s", ifname, ns);
	}
	return fd;
}

int netns_tap_change(const char *ns, const char *ifname, const uint8_t mac[6], uint16_t mtu,
		     struct err *err)
{
	int back = netns_enter(ns, err), code;

	if (back < 0)
		return back;
	code = set_mac_mtu(ifname, mac, mtu, false);
	netns_leave(back);
	return code ? err_sys(err, code, "tap %s in namespace %s", ifname, ns) : 0;
}

/* Sends h, of buf, and waits for what the kernel says to it. */
static int netlink_ask(char buf[MNL_SOCKET_BUFFER_SIZE], struct nlmsghdr *h)
{
	struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	ssize_t n;
	int code;

	if (!nl)
		return -errno;
	code = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
			       mnl_socket_sendto(nl, h, h->nlmsg_len) < 0 ?
		       -errno : 0;
	if (!code) {
		n = mnl_socket_recvfrom(nl, buf, MNL_SOCKET_BUFFER_SIZE);
		if (n < 0 || mnl_cb_run(buf, (size_t)n, 0, mnl_socket_get_portid(nl), NULL, NULL) < 0)
			code = -errno;
	}
	mnl_socket_close(nl);
	return code;
}

static struct nlmsghdr *link_request(char buf[MNL_SOCKET_BUFFER_SIZE], uint16_t type, const char *ifname)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(buf);
	struct ifinfomsg *ifi;

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	ifi = mnl_nlmsg_put_extra_header(h, sizeof(*ifi));
	ifi->ifi_family = AF_UNSPEC;
	mnl_attr_put_strz(h, IFLA_IFNAME, ifname);
	return h;
}

int netns_tap_carrier(const char *ns, const char *ifname, bool up, struct err *err)
{
	char bytes[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *h = link_request(bytes, RTM_NEWLINK, ifname);
	int back = netns_enter(ns, err), code;

	if (back < 0)
		return back;
	mnl_attr_put_u8(h, IFLA_CARRIER, up);
	code = netlink_ask(bytes, h);
	netns_leave(back);
	return code ? err_sys(err, code, "carrier of %s in namespace %s", ifname, ns) : 0;
}

int netns_tap_del(const char *ns, const char *ifname, struct err *err)
{
	char bytes[MNL_SOCKET_BUFFER_SIZE];
	struct nlmsghdr *h = link_request(bytes, RTM_DELLINK, ifname);
	int back = netns_enter(ns, err), code;

	if (back < 0)
		return back;
	code = netlink_ask(bytes, h);
	netns_leave(back);
	return code && code != -ENODEV ? err_sys(err, code, "tap %s in namespace %s", ifname, ns) : 0;
}

int netns_link_news(const char *ns, struct err *err)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	int back = netns_enter(ns, err), fd, code;

	if (back < 0)
		return back;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
	code = fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ? -errno : 0;
	netns_leave(back);
	if (!code)
		return fd;
	if (fd >= 0)
		close(fd);
	return err_sys(err, code, "interfaces of namespace %s", ns);
}

/*
 * How many datagrams a Unix socket holds is a setting of the network namespace it was made in
 * (10 by default, too few for a burst), so relay sockets are made in a namespace of their own.
 */
static int deep_socket(void)
{
	static int deep = -1; /* that namespace */
	int back = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), sock, code;

	if (back < 0)
		return -errno;
	if (deep < 0 ? unshare(CLONE_NEWNET) < 0 : setns(deep, CLONE_NEWNET) < 0) {
		code = -errno;
		close(back);
		return code;
	}
	if (deep < 0) {
		int fd = open("/proc/sys/net/unix/max_dgram_qlen", O_WRONLY | O_CLOEXEC);

		deep = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
		if (write(fd, "512", 3) != 3)
			code = -errno; /* shallower, but works */
		close(fd);
	}
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	code = -errno;
	netns_leave(back);
	return sock < 0 ? code : sock;
}

static int unix_address(const char *path, struct sockaddr_un *addr)
{
	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	strcpy(addr->sun_path, path);
	return 0;
}

int relay_socket(const char *path, uid_t uid, const char *peer, struct err *err)
{
	struct sockaddr_un here, there;
	int size = 4 << 20, fd, code;

	if (unix_address(path, &here) < 0 || unix_address(peer, &there) < 0)
		return err_sys(err, -ENAMETOOLONG, "%s", peer);
	fd = deep_socket();
	if (fd < 0)
		return err_sys(err, fd, "relay socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	/* Connected first: nobody else is heard, not even for a moment. */
	if (connect(fd, (struct sockaddr *)&there, sizeof(there)) < 0) {
		code = errno == ENOENT || errno == ECONNREFUSED ? -EAGAIN : -errno;
		close(fd);
		return err_sys(err, code, "%s", peer);
	}
	unlink(path);
	if (bind(fd, (struct sockaddr *)&here, sizeof(here)) < 0 || chmod(path, 0600) < 0 ||
	    chown(path, uid, uid) < 0) {
		code = -errno;
		close(fd);
		return err_sys(err, code, "%s", path);
	}
	return fd;
}
