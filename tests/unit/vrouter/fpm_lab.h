/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VROUTER_FPM_LAB_H
#define TESTS_UNIT_VROUTER_FPM_LAB_H

/*
 * A zebra at the other end of a socket pair, whose routes go by the real intake to an engine that is
 * held. The guest has two ports, and neighbours 10.0.1.2 (MAC 12), 10.0.2.2 and fd02::2 (22).
 */
#include "tests/unit/test.h"
#include "tests/unit/vrouter/held.h"
#include "vrouter/fpm_priv.h"
#include "vrouter/snooped_priv.h"

#include <event2/event.h>
#include <linux/rtnetlink.h>

enum { ETH1 = INTAKE_FPM_PORTS, ETH2, KERNEL = RTPROT_KERNEL, OSPF = 188 };

struct fpm_lab {
	struct event_base *base;
	struct intake *in;
	struct fpm *f;
	struct held held;
	int zebra;
	unsigned ups, syncs, downs;
	char why[128];
	bool neighbours; /* what is told at the end of a dump */
};
extern struct fpm_lab fpm_lab;

int lab_setup(void **state);
int lab_teardown(void **state);
void lab_connect(bool at_once);
/* Until a count is that high: what it waits for has been done, so that its event is there soon. */
void lab_turn(const unsigned *count, unsigned until);

struct snooped_addr lab_addr(const char *ip);
/* What the guest's neighbours and addresses are; mac 0: not known. Not committed. */
void lab_neighbour(unsigned ifindex, const char *ip, uint8_t mac);
void lab_own(unsigned ifindex, const char *ip, bool has);

/* Adds to the frame that is being made: an attribute, a message of those. */
void lab_attr(uint16_t type, const void *p, size_t len);
void lab_attr32(uint16_t type, uint32_t v);
void lab_message(uint16_t type, const void *head, size_t len);
void lab_route(uint16_t type, uint32_t table, const char *prefix, uint8_t proto, const char *gw,
	       uint32_t ifindex, uint32_t object); /* a deletion says nothing of next hops */
void lab_object(uint32_t id, const char *gw, uint32_t ifindex);
void lab_connected(void); /* 10.0.1.0/24 and 10.0.2.0/24 */
/* Sends it, in one piece or byte by byte, and commits. */
void lab_send(bool in_bytes);
void lab_write(const void *bytes, size_t len);

/* What a packet for ip that comes by eth1 gets: "eth2 22" a port and a MAC's end, "punt", "none". */
void lab_gets(const char *ip, const char *what);

#define CASE(name) cmocka_unit_test_setup_teardown(name, lab_setup, lab_teardown)

#endif
