/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_EAL_PRIV_H
#define DATAPLANE_EAL_PRIV_H

#include "base/err.h"
#include "dataplane/api.h"

#include <stdbool.h>

struct eal_conf {
	unsigned memory_mib;
	bool no_huge;	    /* do not even look for huge pages */
	unsigned pci_count; /* 0: PCI is left alone */
	const char *pci[DP_PCI_MAX]; /* devices to probe, as 0000:03:00.0 */
};

/* Starts DPDK once per process. *huge: whether its memory is huge pages; when not enough of them
 * are free it is not, and the log says so. DPDK's own words go to the log. */
int eal_start(const struct eal_conf *conf, bool *huge, struct err *err);

#endif
