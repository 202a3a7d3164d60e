/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VROUTER_KERNEL_NL_H
#define TESTS_UNIT_VROUTER_KERNEL_NL_H

/* This machine's kernel, asked the way weft-agent asks a guest's, and asked where it would send a
 * packet. In a network namespace of the test's own. */
#include "vrouter/intake.h"

struct nlmsghdr;

/* A socket that is subscribed to all that weft-agent is. */
int kernel_watch(void);

/* Feeds the intake whatever the socket holds, after a barrier. */
void kernel_drain(int fd, struct intake *in);

/* Dumps everything into the intake, in the agent's order, with what changes meanwhile. */
void kernel_dump(int fd, struct intake *in);

/* Where a packet from src, received on iif, would go. */
struct kernel_answer {
	int error; /* errno, 0: answered */
	uint8_t type; /* RTN_* */
	uint32_t oif;
	uint8_t gw_family; /* 0: on-link */
	uint8_t gw[16];
};

void kernel_ask(int fd, unsigned family, uint32_t iif, const uint8_t *src, const uint8_t *dst,
		struct kernel_answer *out);

/* The MAC of a usable neighbour; false: none. Of the last kernel_neighs(). */
bool kernel_mac(uint32_t ifindex, unsigned family, const uint8_t *addr, uint8_t mac[6]);
void kernel_neighs(int fd);

#endif
