/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_DATAPLANE_CONSERVE_H
#define TESTS_UNIT_DATAPLANE_CONSERVE_H

/*
 * Vnets that are alike, and change at random. In each, by the numbers of its ports:
 *
 *   host 1 --- 9  router 1  11 --- 16  router 2  13 --- 2 host
 *   wire 5 --- 10           12 --- 7 wire        14 --- 6 wire
 *                                                15 --- 8 wire
 *                                                20 --- 19 bridge 17 --- 3 host, 18 --- 4 the same
 *
 * Wires are slices of three devices: 0 has no rate, 1 has one and so a scheduler, 2 is one port's.
 * MACs and addresses are the same in all vnets. Every frame says whose it is (conserve_mark()).
 */

#include "dataplane/api.h"
#include "tests/unit/dataplane/lab.h"
#include "tests/unit/test.h"

enum {
	NETS = 6,
	NET_PORTS = 20, /* 1 to 20 */
	NET_IDS = 64,	/* ids of a vnet's objects: its own times this, and on */
	DEVS = 3,
};

struct net {
	uint32_t id; /* of the vnet, another one each time it is made; 0: not there */
	bool there[NET_PORTS + 1];
	uint64_t entered, left; /* frames */
	int64_t copies;		/* that bridges' ports made that are gone */
	uint64_t duplicates;	/* that the links of ports made that are gone */
};

struct world {
	struct engine *e;
	struct net nets[NETS];
	uint32_t seed, last_id;
	uint64_t step, random;
	uint64_t frames; /* that went in */
	uint64_t strangers; /* frames for a slice that is nobody's */
	uint64_t drops[DP_DROP_COUNT]; /* of vnets that are gone */
};

extern struct world world;

#define must(condition, ...)                                                                     \
	do {                                                                                     \
		if (!(condition)) {                                                              \
			print_error(__VA_ARGS__);                                                \
			fail_msg("seed %u, step %lu: %s", world.seed, (unsigned long)world.step, \
				 #condition);                                                    \
		}                                                                                \
	} while (0)

uint32_t any(uint32_t n); /* 0 to n - 1 */

/* conserve_net.c */
void net_create(unsigned n);
void net_destroy(unsigned n);
void net_count_drops(const struct net *net); /* before it goes */
struct port *net_port(const struct net *net, unsigned number);
unsigned net_peer(unsigned number); /* the port at the other end of its link */
/* Which slice of which device the port has. False: it is none of a device. */
bool net_slice(unsigned n, unsigned number, unsigned *dev, uint16_t *vlan);
/* Whose slice it is now; NULL: nobody's. */
struct net *net_of_slice(unsigned dev, uint16_t vlan);
int64_t net_copies(const struct net *net); /* made by bridges */
/* Made by links; and the frames that these have still. */
uint64_t net_duplicates(const struct net *net, uint64_t *on_wire);

void net_change(void); /* conserve_change.c: something, anywhere */

/* conserve_frames.c: a frame of the vnet as sent by what is behind a port, in room for 4000 bytes;
 * its length. */
size_t conserve_frame(uint8_t *frame, const struct net *net, unsigned number);
/* The vnet that a frame is of; 0: it does not say. */
uint32_t conserve_mark(const uint8_t *frame, size_t len);

#endif
