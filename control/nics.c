/* SPDX-License-Identifier: Apache-2.0 */
#include "control/nics.h"

#include "base/hash.h"
#include "control/topology_diff.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define MTU_LEAST 1500 /* that every machine's NIC takes unless it was made for less */

/* Never on a wire: the agent gives the port's own. 06: local, and no address that a port is given. */
static void spare_mac(const char *node, unsigned i, uint8_t mac[6])
{
	char text[TOPOLOGY_NAME_MAX + 16];
	int len = snprintf(text, sizeof(text), "%s+%u", node, i);
	uint64_t h = hash_bytes(text, (size_t)len);

	mac[0] = 0x06;
	for (unsigned k = 1; k < 6; k++, h >>= 8)
		mac[k] = (uint8_t)h;
}

int nics_find(const struct nics *nics, const char *port)
{
	for (unsigned i = 0; i < nics->count; i++)
		if (!strcmp(nics->nic[i].port, port))
			return (int)i;
	return -1;
}

unsigned nics_spare(const struct nics *nics)
{
	unsigned n = 0;

	for (unsigned i = 0; i < nics->count; i++)
		n += !nics->nic[i].port[0];
	return n;
}

/* The one that was made with the port's own address, if there is: then two NICs never have the same. */
static struct nic *find_spare(struct nics *nics, const struct topology_port *p, uint16_t mtu)
{
	struct nic *found = NULL;

	for (unsigned i = 0; i < nics->count; i++) {
		struct nic *nic = &nics->nic[i];

		if (nic->port[0] || nic->mtu < mtu)
			continue;
		if (!memcmp(nic->hw, p->mac, 6))
			return nic;
		found = found ? found : nic;
	}
	return found;
}

static void give(struct nic *nic, const struct topology_port *p)
{
	memcpy(nic->port, p->name, sizeof(nic->port));
	nic->told = false;
}

/* Takes the ports away that n has not; false: there was none. */
static bool drop(struct nics *nics, const struct topology_node *n)
{
	bool any = false;

	for (unsigned i = 0; i < nics->count; i++) {
		struct nic *nic = &nics->nic[i];

		if (!nic->port[0] || topology_port(n, nic->port))
			continue;
		memset(nic->port, 0, sizeof(nic->port));
		nic->told = false;
		any = true;
	}
	return any;
}

static struct nic *add(struct nics *nics, const uint8_t hw[6])
{
	struct nic *nic = nics->count < TOPOLOGY_PORTS_MAX ? &nics->nic[nics->count++] : NULL;

	if (!nic)
		return NULL;
	memset(nic, 0, sizeof(*nic));
	memcpy(nic->hw, hw, 6);
	return nic;
}

void nics_start(struct nics *nics, const struct topology_node *n)
{
	/* By vhost-user a NIC is a device of the engine's, which a spare one has not; and nobody is there to
	 * make one a port where there is no agent. */
	unsigned spare = n->vhost_user || n->intake == TOPOLOGY_INTAKE_FPM ? 0 : n->spare_nics;

	drop(nics, n);
	for (unsigned i = 0; i < n->port_count; i++) {
		const struct topology_port *p = &n->ports[i];
		struct nic *nic;

		if (nics_find(nics, p->name) >= 0)
			continue;
		nic = add(nics, p->mac);
		give(nic ? nic : find_spare(nics, p, 0), p); /* there are no more ports than NICs */
	}
	while (nics_spare(nics) < spare) {
		uint8_t hw[6];

		spare_mac(n->name, nics->count, hw);
		if (!add(nics, hw))
			break;
	}
	while (nics_spare(nics) > spare && !nics->nic[nics->count - 1].port[0])
		nics->count--;
	for (unsigned i = 0; i < nics->count; i++) {
		const struct topology_port *p = topology_port(n, nics->nic[i].port);

		nics->nic[i].mtu = p ? p->mtu : MTU_LEAST;
		nics->nic[i].told = true;
	}
}

/* A port that is new, or another one than before. */
static bool place(struct nics *nics, const struct topology_port *p, char *why, size_t size)
{
	int at = nics_find(nics, p->name);
	struct nic *nic = at < 0 ? find_spare(nics, p, p->mtu) : &nics->nic[at];

	if (!nic)
		snprintf(why, size, "no spare NIC %s for %s", nics_spare(nics) ? "takes the mtu" : "is left",
			 p->name);
	else if (p->mtu > nic->mtu)
		snprintf(why, size, "the NIC of %s takes an mtu of %u at most", p->name, nic->mtu);
	else
		give(nic, p);
	return nic && p->mtu <= nic->mtu;
}

bool nics_change(struct nics *nics, const struct topology_node *was, const struct topology_node *is,
		 char *why, size_t size)
{
	bool differs = drop(nics, is);

	for (unsigned i = 0; i < is->port_count; i++) {
		const struct topology_port *p = topology_port(was, is->ports[i].name);

		if (p && topology_same_port(p, &is->ports[i]))
			continue;
		differs = true;
		if (!place(nics, &is->ports[i], why, size))
			return false;
	}
	if (differs && is->vhost_user)
		snprintf(why, size, "NICs by vhost-user do not change while it runs");
	else if (differs && is->intake == TOPOLOGY_INTAKE_FPM)
		snprintf(why, size, "it has no agent that could be told (intake: fpm)");
	else
		return true;
	return false;
}

void nics_text(const struct nics *nics, struct buf *out)
{
	for (unsigned i = 0; i < nics->count; i++) {
		const struct nic *n = &nics->nic[i];

		buf_printf(out, "%02x:%02x:%02x:%02x:%02x:%02x %u %d %s\n", n->hw[0], n->hw[1], n->hw[2],
			   n->hw[3], n->hw[4], n->hw[5], n->mtu, n->told, n->port[0] ? n->port : "-");
	}
}

int nics_parse(const char *text, struct nics *out)
{
	memset(out, 0, sizeof(*out));
	for (const char *p = text; *p; p = strchr(p, '\n') + 1) {
		struct nic *n = &out->nic[out->count];
		unsigned hw[6], mtu, told;

		if (out->count == TOPOLOGY_PORTS_MAX || !strchr(p, '\n') ||
		    sscanf(p, "%2x:%2x:%2x:%2x:%2x:%2x %5u %1u %15s", &hw[0], &hw[1], &hw[2], &hw[3],
			   &hw[4], &hw[5], &mtu, &told, n->port) != 9)
			return -EINVAL;
		for (unsigned i = 0; i < 6; i++)
			n->hw[i] = (uint8_t)hw[i];
		n->mtu = (uint16_t)mtu;
		n->told = told;
		if (!strcmp(n->port, "-"))
			memset(n->port, 0, sizeof(n->port));
		out->count++;
	}
	return 0;
}
