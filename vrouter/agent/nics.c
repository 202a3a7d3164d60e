/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weft-agent nics [FILE]`: makes NICs be what FILE (/etc/weft/nics) says, "HW NAME MTU [MAC]" lines: the
 * NIC that was made with the address HW gets the name, the MTU and, if one is given, the address MAC,
 * and is set up; with an MTU of 0 it is a spare one and stays down. Other NICs are left alone, and so is
 * what is as it should be. Prints the names of those that are not there; status 1 if a NIC is not so.
 *
 * A name may still belong to another NIC. So each goes to its name once that is free, and when
 * only rings are left one NIC steps aside. Every change is news for each routing daemon: the fewer
 * the better.
 */
#include "vrouter/agent/agent_priv.h"

#include <net/if.h> /* before linux/if.h */

#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NICS_MAX = 64, MAC_LEN = 6 };

struct nic {
	uint8_t hw[MAC_LEN], mac[MAC_LEN];
	char want[IFNAMSIZ];
	char name[IFNAMSIZ]; /* empty: not there */
	int mtu;
};

static struct nic nics[NICS_MAX];
static unsigned nic_count;
static int control;

static struct ifreq request(const char *name)
{
	struct ifreq r = { 0 };

	snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	return r;
}

static bool parse_mac(const char *text, uint8_t mac[MAC_LEN])
{
	unsigned b[MAC_LEN];
	char more;

	if (sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%c", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5], &more) != MAC_LEN)
		return false;
	for (unsigned i = 0; i < MAC_LEN; i++)
		mac[i] = (uint8_t)b[i];
	return true;
}

static void read_wanted(const char *path)
{
	FILE *f = fopen(path, "re");
	char line[128];

	while (f && nic_count < NICS_MAX && fgets(line, sizeof(line), f)) {
		struct nic *n = &nics[nic_count];
		char hw[18], mac[18];
		int parts = sscanf(line, "%17s %15s %d %17s", hw, n->want, &n->mtu, mac);

		if (parts < 3 || !parse_mac(hw, n->hw) || !parse_mac(parts == 4 ? mac : hw, n->mac))
			break;
		nic_count++;
	}
	if (f)
		fclose(f);
}

/* The address that the NIC was made with, whatever it has now. */
static bool made_with(const char *name, uint8_t mac[MAC_LEN])
{
	struct {
		struct ethtool_perm_addr head;
		uint8_t bytes[32];
	} perm = { .head = { .cmd = ETHTOOL_GPERMADDR, .size = sizeof(perm.bytes) } };
	struct ifreq r = request(name);

	r.ifr_data = (char *)&perm;
	if (ioctl(control, SIOCETHTOOL, &r) == 0 && perm.head.size == MAC_LEN &&
	    memcmp(perm.bytes, (uint8_t[MAC_LEN]){ 0 }, MAC_LEN) != 0) {
		memcpy(mac, perm.bytes, MAC_LEN);
		return true;
	}
	r = request(name);
	if (ioctl(control, SIOCGIFHWADDR, &r) < 0)
		return false;
	memcpy(mac, r.ifr_hwaddr.sa_data, MAC_LEN);
	return true;
}

static void find_present(void)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		uint8_t hw[MAC_LEN];

		if (!made_with(i->if_name, hw))
			continue;
		for (unsigned n = 0; n < nic_count; n++)
			if (!memcmp(nics[n].hw, hw, MAC_LEN))
				snprintf(nics[n].name, IFNAMSIZ, "%s", i->if_name);
	}
	if_freenameindex(all);
}

static void run_ip(const char *const argv[])
{
	pid_t pid = fork();

	if (!pid) {
		execv("/bin/ip", (char *const *)argv);
		_exit(127);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}

static int flags_of(const char *name)
{
	struct ifreq r = request(name);

	return ioctl(control, SIOCGIFFLAGS, &r) < 0 ? 0 : r.ifr_flags;
}

/* What was set up as another port lets go of all that it has there. */
static void release(struct nic *n)
{
	const char *const leave[] = { "ip", "link", "set", "dev", n->name, "down", "nomaster", NULL };
	const char *const flush[] = { "ip", "addr", "flush", "dev", n->name, NULL };

	run_ip(leave);
	run_ip(flush);
}

static void set_mac(struct nic *n)
{
	struct ifreq r = request(n->name);

	if (ioctl(control, SIOCGIFHWADDR, &r) < 0 || !memcmp(r.ifr_hwaddr.sa_data, n->mac, MAC_LEN))
		return;
	r = request(n->name);
	r.ifr_flags = (short)(flags_of(n->name) & ~IFF_UP);
	ioctl(control, SIOCSIFFLAGS, &r);
	r = request(n->name);
	r.ifr_hwaddr.sa_family = ARPHRD_ETHER;
	memcpy(r.ifr_hwaddr.sa_data, n->mac, MAC_LEN);
	if (ioctl(control, SIOCSIFHWADDR, &r) < 0)
		fprintf(stderr, "weft-agent: %s: address: %s\n", n->name, strerror(errno));
}

static bool rename_nic(struct nic *n, const char *to)
{
	struct ifreq r = request(n->name);

	snprintf(r.ifr_newname, sizeof(r.ifr_newname), "%s", to);
	if (ioctl(control, SIOCSIFNAME, &r) < 0)
		return false;
	snprintf(n->name, sizeof(n->name), "%s", to);
	return true;
}

/* Returns whether anything moved. With aside, the first NIC that waits for a name leaves its own. */
static bool rename_some(bool aside)
{
	bool moved = false;

	for (unsigned i = nic_count; i-- > 0;) {
		struct nic *n = &nics[i];
		char spare[IFNAMSIZ];

		if (!n->name[0] || !strcmp(n->name, n->want))
			continue;
		snprintf(spare, sizeof(spare), "weft-%u", i);
		if (!rename_nic(n, aside ? spare : n->want))
			continue;
		if (aside)
			return true;
		moved = true;
	}
	return moved;
}

static void set_up(const char *name, int mtu)
{
	struct ifreq r = request(name);

	r.ifr_mtu = mtu;
	if (mtu && ioctl(control, SIOCSIFMTU, &r) < 0)
		fprintf(stderr, "weft-agent: %s: mtu %d: %s\n", name, mtu, strerror(errno));
	r = request(name);
	r.ifr_flags = (short)(flags_of(name) | IFF_UP);
	ioctl(control, SIOCSIFFLAGS, &r);
}

static bool has_carrier(const char *name)
{
	struct ethtool_value link = { .cmd = ETHTOOL_GLINK };
	struct ifreq r = request(name);

	r.ifr_data = (char *)&link;
	return ioctl(control, SIOCETHTOOL, &r) == 0 && link.data;
}

/* RFC 2863's operational state, which the kernel sets by itself at each change of carrier. */
static void set_operstate(const char *name, uint8_t state)
{
	struct {
		struct ifinfomsg head;
		struct nlattr attr;
		uint8_t value[4];
	} body = { .head = { .ifi_index = (int)if_nametoindex(name) },
		   .attr = { NLA_HDRLEN + 1, IFLA_OPERSTATE }, .value = { state } };
	int fd = nl_open(NETLINK_ROUTE), code = fd < 0 ? fd : nl_request(fd, RTM_SETLINK, 0, 1, &body, sizeof(body));

	if (code < 0)
		fprintf(stderr, "weft-agent: %s: operational state: %s\n", name, strerror(-code));
	if (fd >= 0)
		close(fd);
}

/*
 * The state of a NIC that has just come may be unknown for up to a second, until the kernel has dealt with
 * its first news of the carrier (linkwatch), and daemons take unknown for running: zebra gives the kernel
 * routes by it, which refuses them as there is no carrier, and does not try again.
 */
static void bring_up(const char *name, int mtu)
{
	bool is_new = !(flags_of(name) & IFF_UP);

	if (is_new)
		set_operstate(name, IF_OPER_DORMANT);
	set_up(name, mtu);
	/* Who had carrier all the time hears of none. */
	if (is_new && has_carrier(name))
		set_operstate(name, IF_OPER_UP);
}

static void give_names(void)
{
	for (unsigned i = 0; i < nic_count; i++) {
		if (!nics[i].name[0])
			continue;
		if (strcmp(nics[i].name, nics[i].want) != 0 && flags_of(nics[i].name) & IFF_UP)
			release(&nics[i]);
		set_mac(&nics[i]);
	}
	for (unsigned rings = 0; rings <= nic_count; rings++) {
		while (rename_some(false))
			;
		if (!rename_some(true))
			break;
	}
}

int nics_main(const char *path)
{
	int status = 0;

	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	read_wanted(path);
	find_present();
	give_names();
	set_up("lo", 0);
	for (unsigned i = 0; i < nic_count; i++) {
		status |= strcmp(nics[i].name, nics[i].want) != 0;
		if (!nics[i].mtu)
			continue;
		if (nics[i].name[0])
			bring_up(nics[i].name, nics[i].mtu);
		else
			printf("%s\n", nics[i].want);
	}
	close(control);
	return status;
}
