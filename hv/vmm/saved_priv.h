/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_SAVED_PRIV_H
#define HV_VMM_SAVED_PRIV_H

/* Machines that are saved, and that go on from saved ones. */

#include "hv/vmm/state_priv.h"
#include "hv/vmm/vmm_priv.h"

struct saved; /* a file `state` that was opened, and what is in it */

/* Reads and takes apart the sections; the descriptor stays the caller's, and open until the end. */
int saved_vm_open(int fd, struct saved **out, struct err *err);
void saved_vm_close(struct saved *s); /* NULL allowed */
/* Memory and CPUs that the machine has to have. */
int saved_machine(struct saved *s, unsigned *memory_mib, unsigned *cpus, bool *split_rings,
		  struct err *err);
/* All the rest, into a machine of which everything is as new. */
int saved_load(struct saved *s, struct vmm *m, struct err *err);

/* saved_memory.c */
/* From byte `at` of the file on. */
int saved_memory_write(const struct memory *m, int file, uint64_t at, struct err *err);
/* Behind `at` bytes of the file; *pages: how many. */
int saved_memory_write_pages(const struct memory *m, int state, uint64_t at, uint64_t *pages,
			     struct err *err);
int saved_memory_read_pages(struct memory *m, int state, uint64_t at, uint64_t pages,
			    struct err *err);

/* saved_ports.c: what is behind I/O ports, and the serial line. What is read is not trusted. */
void saved_ports_save(const struct vmm *m, struct buf *out);
int saved_ports_load(struct vmm *m, struct rd *in);

#endif
