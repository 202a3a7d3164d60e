/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `weft-agent nics`: gives the NICs of /etc/weft/nics, "MAC NAME MTU" lines, their names and MTUs
 * and sets them up, and lo. Prints the names of those that are not there.
 *
 * A name may still belong to another NIC. So each goes to its name once that is free, and when
 * only rings are left one NIC steps aside. Every change is news for each routing daemon: the fewer
 * the better.
 */
#include "vrouter/agent/agent_priv.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { NICS_MAX = 64, MAC_TEXT = 18 };

struct nic {
	char mac[MAC_TEXT], want[IFNAMSIZ];
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

static void read_wanted(void)
{
	FILE *f = fopen("/etc/weft/nics", "re");

	while (f && nic_count < NICS_MAX) {
		struct nic *n = &nics[nic_count];

		if (fscanf(f, "%17s %15s %d", n->mac, n->want, &n->mtu) != 3)
			break;
		nic_count++;
	}
	if (f)
		fclose(f);
}

static void find_present(void)
{
	struct if_nameindex *all = if_nameindex();

	for (struct if_nameindex *i = all; i && i->if_index; i++) {
		struct ifreq r = request(i->if_name);
		const uint8_t *b = (const uint8_t *)r.ifr_hwaddr.sa_data;
		char mac[MAC_TEXT];

		if (ioctl(control, SIOCGIFHWADDR, &r) < 0)
			continue;
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4],
			 b[5]);
		for (unsigned n = 0; n < nic_count; n++)
			if (!strcmp(nics[n].mac, mac))
				memcpy(nics[n].name, r.ifr_name, IFNAMSIZ);
	}
	if_freenameindex(all);
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
	if (ioctl(control, SIOCGIFFLAGS, &r) < 0)
		return;
	r.ifr_flags |= IFF_UP;
	ioctl(control, SIOCSIFFLAGS, &r);
}

int nics_main(void)
{
	control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	read_wanted();
	find_present();
	for (unsigned rings = 0; rings <= nic_count; rings++) {
		while (rename_some(false))
			;
		if (!rename_some(true))
			break;
	}
	set_up("lo", 0);
	for (unsigned i = 0; i < nic_count; i++) {
		if (nics[i].name[0])
			set_up(nics[i].name, nics[i].mtu);
		else
			printf("%s\n", nics[i].want);
	}
	close(control);
	return 0;
}
