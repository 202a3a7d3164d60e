/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/virtio/lab.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* A tap that is there to stay, and up. */
static bool make_tap(void)
{
	struct ifreq r = { .ifr_name = LAB_TAP_NAME,
			   .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE };
	int tap = open("/dev/net/tun", O_RDWR | O_CLOEXEC), s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool made = tap >= 0 && s >= 0 && ioctl(tap, TUNSETIFF, &r) == 0 && ioctl(tap, TUNSETPERSIST, 1) == 0 &&
		    ioctl(s, SIOCGIFFLAGS, &r) == 0;

	r.ifr_flags |= IFF_UP;
	made = made && ioctl(s, SIOCSIFFLAGS, &r) == 0;
	close(tap);
	close(s);
	return made;
}

bool lab_alone(void)
{
	int fd;
	bool quiet;

	if (unshare(CLONE_NEWNET) < 0)
		return false;
	fd = open("/proc/sys/net/ipv6/conf/all/disable_ipv6", O_WRONLY | O_CLOEXEC);
	quiet = fd >= 0 && write(fd, "1", 1) == 1; /* the kernel says nothing itself */
	close(fd);
	return quiet && make_tap();
}

void lab_hear_tap(struct lab *l)
{
	struct sockaddr_ll ll = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL),
				  .sll_ifindex = (int)if_nametoindex(LAB_TAP_NAME) };

	close(l->peer_fd);
	l->peer_fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, htons(ETH_P_ALL));
	if (bind(l->peer_fd, (struct sockaddr *)&ll, sizeof(ll)) < 0)
		abort();
}
