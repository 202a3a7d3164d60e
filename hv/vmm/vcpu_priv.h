/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_VCPU_PRIV_H
#define HV_VMM_VCPU_PRIV_H

/*
 * Virtual CPUs, a thread each. They run while the machine is to run, and stand parked otherwise.
 * What a guest does that KVM cannot do by itself (ports and device memory) is done on the CPU's own
 * thread by the functions of struct vcpu_ops.
 */

#include "hv/vmm/kvm_priv.h"
#include "hv/vmm/load_priv.h"

enum { VCPUS_MAX = 8 };

struct vcpus;

struct vcpu_ops {
	void (*port)(void *arg, uint16_t port, bool write, void *bytes, unsigned len);
	void (*memory)(void *arg, uint64_t gpa, bool write, void *bytes, unsigned len);
	/* A CPU cannot go on: a triple fault, or an error in a sentence. */
	void (*reset)(void *arg);
	void (*failed)(void *arg, const char *why);
	/* A point or a step of the debugger's ended at pc, by exception 1 or 3. All CPUs are being
	 * parked. */
	void (*debug)(void *arg, unsigned cpu, unsigned exception, uint64_t pc);
	void *arg;
};

/* Makes them, ready to start at entry and parked. Threads start here, within filters for a machine
 * with such NICs (filter_install()). */
int vcpus_create(struct kvm *kvm, unsigned count, const struct load_entry *entry, unsigned nics,
		 const struct vcpu_ops *ops, struct vcpus **out, struct err *err);
/* Not from a CPU's thread. Both return when it is so; the caller holds no lock that ops take. */
void vcpus_run(struct vcpus *v);
void vcpus_run_one(struct vcpus *v, unsigned cpu); /* the others stay where they are */
void vcpus_park(struct vcpus *v);
/* Parks and ends them. NULL allowed. */
void vcpus_destroy(struct vcpus *v);
/* Exits to this process since the start. */
uint64_t vcpus_exits(const struct vcpus *v);

/* A CPU's descriptor; only for while all are parked. */
int vcpus_fd(const struct vcpus *v, unsigned cpu);

/* cpuid.c: what CPU `index` of count says it is. */
int cpuid_set(struct kvm *kvm, int vcpu_fd, unsigned index, unsigned count, struct err *err);

/* vcpu_state.c */
int vcpu_state_set(int fd, bool first, const struct load_entry *entry, struct err *err);

#endif
