/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_VMM_H
#define HV_VMM_VMM_H

/*
 * A machine for one guest on the KVM API, in the process that calls this: memory, CPUs, boot of an
 * unmodified kernel, virtio devices, one console. One event loop drives it; each CPU has a thread.
 */

#include "base/err.h"
#include "virtio/devices.h"

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct vmm;

enum { VMM_NICS_MAX = 64, VMM_DISKS_MAX = 8, VMM_CPUS_MAX = 8 };
enum { VMM_MEMORY_MIN_MIB = 2, VMM_MEMORY_MAX_MIB = 1 << 20 };

struct vmm_nic {
	uint8_t mac[6];
	uint16_t mtu;
	bool carrier;
	unsigned pairs; /* of queues */
	/* One of these: a relay, a tap, vhost-user. */
	const char *local, *peer; /* paths of datagram sockets */
	const char *tap;
	unsigned tap_fd_count; /* as many as pairs, or 0 */
	int tap_fds[VIRTIO_NET_PAIRS_MAX];
	const char *vhost_user; /* the path that the back end listens on */
};

/* Paths may be NULL: without. Those of kvm, kernel and initrd may be descriptors, "fd:N", which are
 * closed at the end, or once they are read. */
struct vmm_conf {
	const char *name;
	const char *kvm; /* "/dev/kvm" */
	const char *kernel, *initrd, *cmdline;
	unsigned memory_mib, cpus;
	bool split_rings; /* of virtio; else packed ones are offered as well */
	const char *console;	 /* stream socket; "-": standard input and output */
	const char *console_log; /* file, of at most 16 MiB */
	const char *agent;	 /* stream socket of the port that the guest's agent opens */
	const char *gdb;	 /* stream socket for gdb's "target remote"; a client stops the guest */
	unsigned nic_count;
	struct vmm_nic nic[VMM_NICS_MAX];
	unsigned disk_count;
	const char *disk[VMM_DISKS_MAX]; /* raw files, read-only */
};

/* Why a machine has ended. */
enum vmm_end {
	VMM_RUNS,
	VMM_STOPPED,  /* vmm_stop() */
	VMM_SHUTDOWN, /* the guest switched itself off */
	VMM_RESET,    /* it asked for a reset, or made a triple fault */
	VMM_CRASHED,  /* it said so (pvpanic) */
	VMM_FAILED,   /* the machine could not go on */
};

const char *vmm_end_name(enum vmm_end end);

/* Comes once, from the loop. why: a sentence for VMM_FAILED, else "". */
typedef void (*vmm_ended_cb)(void *arg, enum vmm_end end, const char *why);

/* Makes it, paused before its first instruction. Libevent must have been told of threads. */
int vmm_create(struct event_base *base, const struct vmm_conf *conf, vmm_ended_cb cb, void *arg,
	       struct vmm **out, struct err *err);
void vmm_destroy(struct vmm *m); /* NULL allowed */
/* Gives up the system calls that the loop's thread has no more use for; others end the process. What
 * CPUs' threads have no use for they gave up in vmm_create(). */
int vmm_confine(const struct vmm *m, struct err *err);

/* Loop thread. Harmless when it is so already, or when it has ended. */
void vmm_run(struct vmm *m);
void vmm_pause(struct vmm *m);
void vmm_stop(struct vmm *m);
/* -ENOENT: no such NIC. */
int vmm_carrier(struct vmm *m, unsigned nic, bool up);
/* Takes the descriptor of a connection on success; it becomes the console's client. */
int vmm_console(struct vmm *m, int fd);

struct vmm_status {
	const char *name;
	enum vmm_end end;
	bool started, running;
	int64_t instant_us; /* since 1970, when it last began, stood still or went on; 0: never */
	unsigned memory_mib, cpus, nic_count;
	uint64_t exits; /* of the CPUs to this process */
};

void vmm_status(struct vmm *m, struct vmm_status *out);
/* false: no such NIC. */
bool vmm_nic_status(struct vmm *m, unsigned nic, struct virtio_net_status *out);
/* Counters of a NIC by name; false: no such counter, or NIC. */
bool vmm_nic_counter(struct vmm *m, unsigned nic, unsigned i, const char **name, uint64_t *value);

#endif
