/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_PHYSICAL_PRIV_H
#define CONTROL_PHYSICAL_PRIV_H

#include "control/physical.h"
#include "control/ports_yml.h"

#include <limits.h>

struct event;

/* An interface as the kernel has it. */
struct physical_link {
	unsigned index; /* 0: there is none */
	bool ethernet, up, carrier;
};

struct physical_port {
	const struct ports_conf *conf;
	struct physical_link link; /* of an interface */
	enum ports_driver driver;  /* as it is served */
	char device[128];	   /* as the engine is told; empty: it cannot be served */
	bool no_xdp;		   /* the engine could not attach to it */
	char note[256];		   /* why it is AF_PACKET where AF_XDP is wished */
	char trouble[256];	   /* why it is not served; empty: it is */
	bool refused;		   /* trouble is the engine's word */
	const char *told;	   /* the state that an event has told of */
	enum ports_driver told_driver;
};

struct physical {
	struct weftd *daemon;
	char path[PATH_MAX];
	char program[128]; /* the XDP program's copy, for the engine to read; empty: there is none */
	char error[1024];  /* of the file; empty: it is right */
	struct ports_yml yml;
	struct physical_port ports[PORTS_MAX]; /* yml.count, same order */
	int links; /* rtnetlink */
	struct event *links_changed, *slices_changed;
	bool filling, again; /* the engine is asked to have come so far; and more has changed since */
};

#define PHYSICAL_MTU_MAX 1500 /* of a slice of an interface: frames that AF_XDP and AF_PACKET hold */

struct physical_port *physical_find(struct physical *ph, const char *name); /* or NULL */
/* "up", "down", "absent", "failed" */
const char *physical_state(const struct physical_port *p);

/* Decides how it is served, by what there is now. */
void physical_serve(const struct physical *ph, struct physical_port *p);
/* As an event, what is not told yet. */
void physical_tell(const struct physical *ph, struct physical_port *p);
/* A callback: links of the kernel's have changed. */
void physical_on_links(int fd, short what, void *arg);

/* physical_vnet.c: a slice's port, and its number (0: no tag); false: it is of no port of the file. */
bool physical_slice(const struct physical *ph, const struct port *slice, const struct physical_port **port,
		    uint16_t *vlan);
/* The vnet's node of slices, or NULL: it has none, or it ends. */
struct node *physical_node(struct vnet *v);

/* physical_fill.c: an event's callback. */
void physical_on_slices(int fd, short what, void *arg);

/* physical_kernel.c */
int physical_links_open(void);
void physical_links_drain(int fd);
void physical_link_get(const char *interface, struct physical_link *out);
/* Whether the engine can attach its XDP program: nobody else has, all frames come by one queue, tags stay
 * in frames, which is seen to. */
int physical_xdp_ready(const char *interface, unsigned index, struct err *err);
/* Takes an XDP program of ours off the interface, that an engine of before has left. */
void physical_xdp_clear(unsigned index);
/* Tells the program on the interface which VLANs it takes: 4096 bytes, 1 or 0. */
int physical_xdp_fill(unsigned index, const uint8_t *taken, struct err *err);

#endif
