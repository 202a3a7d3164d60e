/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_SNOOPED_PRIV_H
#define VROUTER_SNOOPED_PRIV_H

/*
 * What a guest's kernel knows of its neighbours, from the ARP (RFC 826) and neighbour discovery
 * (RFC 4861) between the two, for guests that do not say it themselves.
 *
 * What the guest sends shows what it has: a request to a group, that it does not know the neighbour;
 * one to a station, or an answer, which MAC it takes for it. Of what it is sent only answers to
 * what it has asked count, and changes of what it has, as its kernel takes them. What cannot be
 * known for sure is not known: packets are then the guest's.
 *
 * Times are milliseconds of any clock that does not go back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SNOOPED_MAX = 4096,	    /* neighbours of a guest */
	SNOOPED_OWN_MAX = 16,	    /* addresses of its own that are kept of a port, the last ones */
	SNOOPED_AGE_MS = 600000,    /* since the guest showed that it has it, or its neighbour did */
	SNOOPED_LOCK_MS = 2000,     /* a MAC that changes twice in this time is not known: kernels take
				       the first for a second */
};

struct snooped;

struct snooped_addr {
	uint8_t family; /* 4 or 6 */
	uint8_t bytes[16];
};

struct snooped_ops {
	/* mac NULL: not known any more. Also told when nothing but the time has changed. */
	void (*neighbour)(void *arg, unsigned port, const struct snooped_addr *a, const uint8_t *mac);
	/* An address of the guest's own. */
	void (*own)(void *arg, unsigned port, const struct snooped_addr *a, bool has);
};

int snooped_create(const struct snooped_ops *ops, void *arg, struct snooped **out);
void snooped_destroy(struct snooped *s); /* NULL allowed */

/* A frame that the guest was sent on the port, whose MAC is `mac`, or has sent; its first bytes. */
void snooped_frame(struct snooped *s, unsigned port, const uint8_t mac[6], bool sent,
		   const void *frame, size_t len, uint64_t now);

/* The port has lost its carrier: the kernel forgets its neighbours. */
void snooped_port_down(struct snooped *s, unsigned port);
/* Frames were missed: no neighbour is known any more. */
void snooped_missed(struct snooped *s);
/* Another guest: nothing is known, and nobody is told. */
void snooped_reset(struct snooped *s);
/* Neighbours that nobody has shown for too long. */
void snooped_age(struct snooped *s, uint64_t now);
/* Tells all that is known. */
void snooped_tell(const struct snooped *s);

#endif
