/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_VMM_PRIV_H
#define HV_VMM_VMM_PRIV_H

#include "hv/vmm/console_priv.h"
#include "hv/vmm/memory_priv.h"
#include "hv/vmm/pci_host_priv.h"
#include "hv/vmm/rtc_priv.h"
#include "hv/vmm/vcpu_priv.h"
#include "hv/vmm/vmm.h"
#include "virtio/devices.h"

struct event;
struct saved;

struct vmm {
	struct event_base *base;
	vmm_ended_cb ended_cb;
	void *arg;
	char name[64];
	unsigned memory_mib, cpus;
	bool split_rings;
	unsigned device_kinds; /* filter_install() */
	/* Of all that devices hold. A CPU's thread has it while it does what the guest asked for, the
	 * loop in each callback. Never while waiting for a CPU. */
	pthread_mutex_t lock;
	struct kvm kvm;
	struct memory memory;
	struct vcpus *vcpus;
	struct debugger *debugger; /* NULL: none */
	bool started, running;
	int64_t instant_us; /* see vmm_status */
	uint64_t clock; /* the guest's, at which it stands while it is paused */
	/* Why it ends; said on the loop. */
	struct event *end_event;
	enum vmm_end end;
	char why[256];
	/* devices */
	struct console console;
	struct rtc rtc;
	uint16_t pm_enable, pm_control;
	struct pci_host pci;
	struct stream *agent_stream;
	struct virtio_device *agent;
	struct virtio_device *balloon; /* NULL: none */
	unsigned nic_count;
	struct virtio_device *nic[VMM_NICS_MAX];
};

/* vmm.c: the first reason counts. Any thread, with the lock held. */
void vmm_end(struct vmm *m, enum vmm_end end, const char *why);

/* vmm.c: as vmm_run(), but step >= 0: that CPU alone. */
void vmm_go(struct vmm *m, int step);

/* build.c: whether it can be at all; what its filters are to leave (filter_install()); and KVM, memory,
 * devices and CPUs: of a machine that boots, or that goes on from a saved one. */
int build_check(const struct vmm_conf *conf, struct err *err);
unsigned build_device_kinds(const struct vmm_conf *conf);
int build_machine(struct vmm *m, const struct vmm_conf *conf, struct saved *saved,
		  const struct vcpu_ops *ops, struct err *err);

/* ports.c: what the guest does at a port, with the lock held. */
void ports_access(struct vmm *m, uint16_t port, bool write, void *bytes, unsigned len);

/* generation.c: a new ID; and that there is one, once the interrupt controllers are as they are to
 * be. */
int generation_renew(struct vmm *m, struct err *err);
void generation_tell(struct vmm *m);

/* devices.c: the table of all devices. */
int devices_create(struct vmm *m, const struct vmm_conf *conf, struct err *err);
void devices_destroy(struct vmm *m);

#endif
