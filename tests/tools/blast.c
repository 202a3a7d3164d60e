/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Frames that should not get through, and an ear that says whether they did. Static, so that it
 * runs in a guest as well as in a host.
 *
 *   blast send IFACE KIND COUNT SEED [DST_MAC]   KIND: random spoof-mac spoof-source vlan broadcast
 *   blast listen SECONDS [MARKED]                 all interfaces, at most until it saw MARKED such
 *                                                 frames; prints how many, and of how many in all
 *   blast punt IFACE ROUTER_MAC ROUTER FAR SECONDS COUNT
 *                                                 what a router is asked about: UDP to FAR whose TTL
 *                                                 ends at ROUTER, and ARP requests for ROUTER, in
 *                                                 turns; at most so long, and COUNT frames, those
 *                                                 included that its own queue did not take
 *   blast udp ADDRESS PORT COUNT                  COUNT datagrams of 18 bytes, 64-byte frames
 *
 * Every frame of `send` carries MARK, wherever its headers claim to go. Prints what was sent.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MARK	  "WEFT-BLAST"
#define FRAME_MIN 64
#define FRAME_MAX 1514
#define BATCH	  64

static void die(const char *what)
{
	fprintf(stderr, "blast: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int packet_socket(const char *ifname, struct ifreq *mac)
{
	struct sockaddr_ll addr = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
	int fd = socket(AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));

	if (fd < 0)
		die("packet socket");
	if (!ifname)
		return fd;
	addr.sll_ifindex = (int)if_nametoindex(ifname);
	snprintf(mac->ifr_name, sizeof(mac->ifr_name), "%s", ifname);
	if (!addr.sll_ifindex || ioctl(fd, SIOCGIFHWADDR, mac) < 0 ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		die(ifname);
	return fd;
}

static void fill_random(uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		p[i] = (uint8_t)random();
}

/* Fills the IPv4 header's checksum in. */
static void ip4_sum(uint8_t *p)
{
	uint32_t sum = 0;

	p[10] = p[11] = 0;
	for (int i = 0; i < 20; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~((sum & 0xffff) + (sum >> 16));
	p[10] = (uint8_t)(sum >> 8);
	p[11] = (uint8_t)sum;
}

/* An IPv4 header that routers believe, from and to random private addresses. */
static void ip4(uint8_t *p, size_t len)
{
	fill_random(p, 20);
	p[0] = 0x45;
	p[2] = (uint8_t)(len >> 8);
	p[3] = (uint8_t)len;
	p[6] = p[7] = 0;
	p[8] = 64;
	p[9] = 17;
	p[12] = p[16] = 10;
	p[13] = p[17] = 0;
	ip4_sum(p);
}

static size_t make(uint8_t *f, const char *kind, const uint8_t own[6], const uint8_t *dst)
{
	size_t len = FRAME_MIN + (size_t)random() % (FRAME_MAX - FRAME_MIN), head = 12;

	fill_random(f, len);
	memcpy(f + 6, own, 6);
	f[0] &= 0xfe;
	if (dst)
		memcpy(f, dst, 6);
	if (!strcmp(kind, "spoof-mac")) {
		fill_random(f + 6, 6);
		f[6] &= 0xfe;
	} else if (!strcmp(kind, "broadcast")) {
		memset(f, 0xff, 6);
		if (random() % 2)
			memcpy(f, "\x01\x00\x5e\x00\x00\x05", 6); /* AllSPFRouters, RFC 2328 */
	} else if (!strcmp(kind, "vlan")) {
		f[12] = random() % 2 ? 0x81 : 0x88;
		f[13] = f[12] == 0x81 ? 0x00 : 0xa8;
		head = 16;
	}
	if (strcmp(kind, "random") != 0) {
		f[head] = 0x08;
		f[head + 1] = 0x00;
		ip4(f + head + 2, len - head - 2);
	}
	memcpy(f + len - sizeof(MARK) + 1, MARK, sizeof(MARK) - 1);
	return len;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &mac[0], &mac[1], &mac[2], &mac[3], &mac[4],
		      &mac[5]) == 6 ? 0 : -1;
}

static int send_frames(int argc, char **argv)
{
	static uint8_t frame[FRAME_MAX];
	struct ifreq ifr;
	uint8_t dst[6];
	int fd = packet_socket(argv[2], &ifr);
	unsigned long count = strtoul(argv[4], NULL, 10), sent = 0;

	srandom((unsigned)atoi(argv[5]));
	if (argc > 6 && parse_mac(argv[6], dst) < 0)
		return 2;
	for (unsigned long i = 0; i < count; i++) {
		size_t len = make(frame, argv[3], (uint8_t *)ifr.ifr_hwaddr.sa_data,
				  argc > 6 ? dst : NULL);
		struct pollfd out = { .fd = fd, .events = POLLOUT };

		while (send(fd, frame, len, 0) < 0) {
			if (errno != ENOBUFS && errno != EAGAIN)
				die("send");
			poll(&out, 1, 1);
		}
		sent++;
	}
	printf("%lu\n", sent);
	return 0;
}

/* NICs pass on what is not for them, too. Ends with the socket. */
static void promiscuous(int fd)
{
	struct if_nameindex *names = if_nameindex();

	for (struct if_nameindex *n = names; n && n->if_index; n++) {
		struct packet_mreq all = { .mr_ifindex = (int)n->if_index,
					   .mr_type = PACKET_MR_PROMISC };

		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) < 0)
			die(n->if_name);
	}
	if_freenameindex(names);
}

static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = 1;
}

static int listen_frames(int argc, char **argv)
{
	unsigned long enough = argc > 3 ? strtoul(argv[3], NULL, 10) : ~0ul;
	static uint8_t frame[65536];
	time_t end = time(NULL) + atoi(argv[2]);
	unsigned long seen = 0, marked = 0;
	int fd = packet_socket(NULL, NULL), size = 64 << 20;

	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	promiscuous(fd);
	signal(SIGTERM, on_signal);
	signal(SIGINT, on_signal);
	fprintf(stderr, "listening %d\n", (int)getpid());
	while (!stop && marked < enough && time(NULL) < end) {
		struct pollfd in = { .fd = fd, .events = POLLIN };
		ssize_t n;

		poll(&in, 1, 200);
		while ((n = recv(fd, frame, sizeof(frame), MSG_DONTWAIT)) > 0) {
			seen++;
			marked += memmem(frame, (size_t)n, MARK, sizeof(MARK) - 1) != NULL;
		}
	}
	printf("%lu of %lu\n", marked, seen);
	return 0;
}

static void expired(uint8_t f[FRAME_MIN], const uint8_t own[6], const uint8_t router[6],
		    const struct in_addr *from, const struct in_addr *to)
{
	static const uint8_t head[] = { 0x08, 0x00, 0x45, 0, 0, 50, 0, 0, 0, 0, 1, 17 };

	memcpy(f, router, 6);
	memcpy(f + 6, own, 6);
	memcpy(f + 12, head, sizeof(head));
	memcpy(f + 26, from, 4);
	memcpy(f + 30, to, 4);
	ip4_sum(f + 14);
	f[36] = f[37] = 9; /* some port */
	f[39] = 30;
}

static void who_has(uint8_t f[FRAME_MIN], const uint8_t own[6], const struct in_addr *from,
		    const struct in_addr *router)
{
	static const uint8_t head[] = { 0x08, 0x06, 0, 1, 0x08, 0x00, 6, 4, 0, 1 };

	memset(f, 0xff, 6);
	memcpy(f + 6, own, 6);
	memcpy(f + 12, head, sizeof(head));
	memcpy(f + 22, own, 6);
	memcpy(f + 28, from, 4);
	memcpy(f + 38, router, 4);
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int send_punts(char **argv)
{
	static uint8_t frames[2][FRAME_MIN];
	struct iovec iov[2] = { { frames[0], FRAME_MIN }, { frames[1], FRAME_MIN } };
	struct mmsghdr batch[BATCH] = { 0 };
	struct ifreq mac, ip = { 0 };
	int fd = packet_socket(argv[2], &mac), one = 1;
	const struct in_addr *own = &((struct sockaddr_in *)&ip.ifr_addr)->sin_addr;
	const uint8_t *own_mac = (uint8_t *)mac.ifr_hwaddr.sa_data;
	unsigned long count = strtoul(argv[7], NULL, 10), tried = 0;
	double end = seconds() + atof(argv[6]);
	struct in_addr router, far;
	uint8_t router_mac[6];

	if (parse_mac(argv[3], router_mac) < 0 || inet_pton(AF_INET, argv[4], &router) != 1 ||
	    inet_pton(AF_INET, argv[5], &far) != 1)
		return 2;
	memcpy(ip.ifr_name, mac.ifr_name, sizeof(ip.ifr_name));
	ip.ifr_addr.sa_family = AF_INET;
	if (ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCGIFADDR, &ip) < 0)
		die(argv[2]);
	setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one));
	expired(frames[0], own_mac, router_mac, own, &far);
	who_has(frames[1], own_mac, own, &router);
	for (int i = 0; i < BATCH; i++)
		batch[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i % 2], .msg_iovlen = 1 };
	while (tried < count && seconds() < end) {
		int n = sendmmsg(fd, batch, BATCH, 0);

		if (n < 0 && errno != ENOBUFS && errno != EAGAIN)
			die("send");
		tried += n < 0 ? 1 : n < BATCH ? (unsigned long)n + 1 : BATCH;
	}
	printf("%lu\n", tried);
	return 0;
}

static int send_udp(char **argv)
{
	static uint8_t payload[18];
	struct sockaddr_in6 to6 = { .sin6_family = AF_INET6, .sin6_port = htons((uint16_t)atoi(argv[3])) };
	struct sockaddr_in to4 = { .sin_family = AF_INET, .sin_port = to6.sin6_port };
	int is6 = inet_pton(AF_INET6, argv[2], &to6.sin6_addr) == 1;
	struct mmsghdr batch[BATCH];
	struct iovec iov = { payload, sizeof(payload) };
	unsigned long count = strtoul(argv[4], NULL, 10), sent = 0;
	int fd = socket(is6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);

	if (!is6 && inet_pton(AF_INET, argv[2], &to4.sin_addr) != 1)
		return 2;
	if (connect(fd, is6 ? (void *)&to6 : (void *)&to4, is6 ? sizeof(to6) : sizeof(to4)) < 0)
		die(argv[2]);
	memset(batch, 0, sizeof(batch));
	for (int i = 0; i < BATCH; i++) {
		batch[i].msg_hdr.msg_iov = &iov;
		batch[i].msg_hdr.msg_iovlen = 1;
	}
	while (sent < count) {
		unsigned long left = count - sent;
		int n = sendmmsg(fd, batch, left < BATCH ? (unsigned)left : BATCH, 0);

		if (n > 0)
			sent += (unsigned long)n;
		else if (errno != ENOBUFS && errno != EAGAIN && errno != ECONNREFUSED)
			die("send");
	}
	printf("%lu\n", sent);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc >= 6 && !strcmp(argv[1], "send"))
		return send_frames(argc, argv);
	if (argc >= 3 && !strcmp(argv[1], "listen"))
		return listen_frames(argc, argv);
	if (argc == 8 && !strcmp(argv[1], "punt"))
		return send_punts(argv);
	if (argc == 5 && !strcmp(argv[1], "udp"))
		return send_udp(argv);
	fprintf(stderr, "blast: send IFACE KIND COUNT SEED [DST_MAC] | listen SECONDS [MARKED] | punt IFACE ROUTER_MAC ROUTER FAR SECONDS COUNT | udp ADDRESS PORT COUNT\n");
	return 2;
}
