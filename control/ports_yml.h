/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_PORTS_YML_H
#define CONTROL_PORTS_YML_H

/*
 * ports.yml, the operator's file of physical ports (docs/ports.md):
 *	ports:
 *	  p0: {device: "0000:03:00.0", rate: 10Gbit}
 *	  p1: {interface: ens3, driver: af_packet, users: [alice]}
 */

#include "base/err.h"
#include "control/topology.h"

#define PORTS_MAX	  32 /* as many devices as the engine has */
#define PORTS_DEVICE_MAX  112 /* bytes of a device string, with the 0 */

enum ports_driver { PORTS_DPDK, PORTS_AF_XDP, PORTS_AF_PACKET };

/* "dpdk", "af_xdp", "af_packet" */
extern const char *const ports_driver_names[];

struct ports_conf {
	char name[TOPOLOGY_PHYS_MAX];
	unsigned line;
	enum ports_driver driver;
	char device[PORTS_DEVICE_MAX]; /* PORTS_DPDK: devargs */
	char pci[16]; /* of that, the address of a PCI device; else empty */
	char interface[TOPOLOGY_IFNAME_MAX]; /* else: of the kernel */
	uint64_t rate; /* bits a second; 0: not said */
	struct topology_string_list users; /* who may use it, beside the operator */
};

struct ports_yml {
	unsigned count;
	struct ports_conf *ports;
};

/* -EINVAL and "FILE:LINE: ..." when the text is wrong; *out is untouched then. */
int ports_yml_load(const char *file, const char *text, size_t len, struct ports_yml *out, struct err *err);
void ports_yml_free(struct ports_yml *yml); /* what it holds */

const struct ports_conf *ports_yml_find(const struct ports_yml *yml, const char *name); /* or NULL */
/* Whether a vnet of that owner may have slices of it. NULL: the operator, who may. */
bool ports_allows(const struct ports_conf *p, const char *owner);

#endif
