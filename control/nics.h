/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_NICS_H
#define CONTROL_NICS_H

/*
 * Which port of a router is on which NIC of its machine. A machine has its NICs from its start to its
 * end: one for each port, and some spare ones, without carrier, for ports that come later. A port stays
 * on its NIC when the machine starts again: the engine goes on meanwhile with the routes of before,
 * which name NICs.
 */

#include "base/buf.h"
#include "control/topology.h"

struct nic {
	char port[TOPOLOGY_IFNAME_MAX]; /* empty: a spare one */
	uint8_t hw[6];			/* the address that the machine gives it */
	uint16_t mtu;			/* at most */
	bool told;			/* the guest has it as this port, or as a spare one */
};

struct nics {
	unsigned count;
	struct nic nic[TOPOLOGY_PORTS_MAX];
};

/* From what they were (all zero: a new router) to those of a machine that starts as n. */
void nics_start(struct nics *nics, const struct topology_node *n);

/*
 * What a running machine's NICs become when the node `was` becomes `is`. False, and why it cannot
 * be without a restart: "no spare NIC is left for eth5".
 */
bool nics_change(struct nics *nics, const struct topology_node *was, const struct topology_node *is,
		 char *why, size_t size);

int nics_find(const struct nics *nics, const char *port); /* -1: none has it */
unsigned nics_spare(const struct nics *nics);

/* As the store keeps them: "HW MTU TOLD PORT" lines. -EINVAL when it is no such text. */
void nics_text(const struct nics *nics, struct buf *out);
int nics_parse(const char *text, struct nics *out);

#endif
