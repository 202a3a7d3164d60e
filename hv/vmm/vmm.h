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

struct vmm_disk {
	const char *path;    /* a raw file */
	const char *overlay; /* gets what is written; NULL: none */
	bool write, forget;  /* else: it is only read, or what is written is lost at the end */
};

/* Paths may be NULL: without. Those of kvm, kernel and initrd may be descriptors, "fd:N", which are
 * closed at the end, or once they are read. */
struct vmm_conf {
	const char *name;
	const char *kvm; /* "/dev/kvm" */
	const char *kernel, *initrd, *cmdline;
	unsigned memory_mib, cpus;
	bool split_rings; /* of virtio; else packed ones are offered as well */
	bool huge_pages; /* memory that a NIC by vhost-user shares is of the host's huge pages */
	const char *console;	 /* stream socket; "-": standard input and output */
	const char *console_log; /* file, of at most 16 MiB */
	const char *agent;	 /* stream socket of the port that the guest's agent opens */
	const char *gdb;	 /* stream socket for gdb's "target remote"; a client stops the guest */
	bool balloon; /* a device by which the guest gives memory back */
	unsigned nic_count;
	struct vmm_nic nic[VMM_NICS_MAX];
	unsigned disk_count;
	struct vmm_disk disk[VMM_DISKS_MAX];
	/* With from: goes on from a saved machine, by its state (a file) and memory (-1: none; best
	 * sealed, to be shared). They stay the caller's. Kernel, memory and CPUs are the saved
	 * one's. */
	bool from;
	int state, ram;
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
/* The guest is to give so much of its memory back. -ENOENT: no balloon; -EINVAL: more than
 * it has. */
int vmm_balloon(struct vmm *m, unsigned mib);
/* Takes the descriptor of a connection on success; it becomes the console's client. */
int vmm_console(struct vmm *m, int fd);

/* Writes a machine that stands to two files, which are empty: its memory to ram, or, if that is -1,
 * those pages to state that differ from the memory it went on from. It is not flushed. -EBUSY: it
 * does not stand; -ENOTSUP: it has a device that cannot be saved. */
int vmm_save(struct vmm *m, int state, int ram, struct err *err);

/* Writes memory and registers to an empty file, as an ELF core that gdb opens. A machine that runs
 * stands still meanwhile. */
int vmm_dump(struct vmm *m, int fd, struct err *err);

#define VMM_GENERAL_REGISTERS(X)                                                                   \
	X(rax) X(rbx) X(rcx) X(rdx) X(rsi) X(rdi) X(rbp) X(rsp) X(r8) X(r9) X(r10) X(r11) X(r12)   \
	X(r13) X(r14) X(r15) X(rip) X(rflags)
/* name, and what it is in KVM's struct */
#define VMM_SYSTEM_REGISTERS(X)                                                                    \
	X(cs, cs.selector) X(ss, ss.selector) X(ds, ds.selector) X(es, es.selector)                \
	X(fs, fs.selector) X(gs, gs.selector) X(fs_base, fs.base) X(gs_base, gs.base)              \
	X(cr0, cr0) X(cr2, cr2) X(cr3, cr3) X(cr4, cr4) X(efer, efer)
#define VMM_ONE(...) +1
enum { VMM_REGISTERS = 0 VMM_GENERAL_REGISTERS(VMM_ONE) VMM_SYSTEM_REGISTERS(VMM_ONE) };

/* In the order of these lists. */
struct vmm_registers {
	uint64_t value[VMM_REGISTERS];
};

/* -ENOENT: no such CPU. As vmm_dump(). */
int vmm_registers(struct vmm *m, unsigned cpu, struct vmm_registers *out);

struct vmm_status {
	const char *name;
	enum vmm_end end;
	bool started, running;
	int64_t instant_us; /* since 1970, when it last began, stood still or went on; 0: never */
	unsigned memory_mib, cpus, nic_count;
	uint64_t exits; /* of the CPUs to this process */
	bool balloon;
	unsigned wanted_mib, given_mib; /* by the balloon */
	uint64_t reported_bytes;	/* free pages that the guest told, in all */
};

void vmm_status(struct vmm *m, struct vmm_status *out);
/* false: no such NIC. */
bool vmm_nic_status(struct vmm *m, unsigned nic, struct virtio_net_status *out);
/* Counters of a NIC by name; false: no such counter, or NIC. */
bool vmm_nic_counter(struct vmm *m, unsigned nic, unsigned i, const char **name, uint64_t *value);

#endif
