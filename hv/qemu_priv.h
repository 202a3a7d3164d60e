/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_QEMU_PRIV_H
#define HV_QEMU_PRIV_H

#include "hv/args_priv.h"
#include "hv/hv.h"

#include <stdint.h>

#define QEMU_BINARY "/usr/bin/qemu-system-x86_64"

/* Where the jail shows the machine's kernel and initrd. */
#define QEMU_KERNEL "/kernel"
#define QEMU_INITRD "/initrd"

/* The descriptors that a machine which goes on from a saved one gets: the stream to load, and the
 * memory to map if it shares some. */
#define QEMU_STATE_FD 3
#define QEMU_RAM_FD 4

/* The guest's memory, as QEMU's objects and its saved state name it. */
#define QEMU_RAM "ram"

extern const struct hv_backend hv_qemu;

/* QEMU's command line for conf, as the jail runs it. mapped: its memory is QEMU_RAM_FD, copied on
 * write. -ENOMEM. */
int qemu_args_build(const struct hv_conf *conf, bool kvm, bool mapped, struct args *out);

/* Whether flags in this cpuinfo text name VT-x or SVM: /dev/kvm alone proves nothing. */
bool qemu_cpu_has_vm(const char *cpuinfo);

#endif
