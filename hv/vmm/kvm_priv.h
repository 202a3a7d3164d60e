/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_KVM_PRIV_H
#define HV_VMM_KVM_PRIV_H

/* A virtual machine of the kernel's: /dev/kvm, its interrupt controllers and routes. Memory is
 * added before the controllers are made: a slot waits for whatever KVM has under way on its buses,
 * some ms. */

#include "base/buf.h"
#include "base/err.h"
#include "base/rd.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* GSIs 0 to 23 are the IOAPIC's pins; messages of descriptors have those
 * from there on. */
enum { KVM_PINS = 24, KVM_MSI_MAX = 1024 };

struct kvm_route {
	bool used;
	int fd;
	uint64_t address;
	uint32_t data;
};

struct kvm {
	int sys, vm;
	unsigned run_size; /* of a vCPU's mapping */
	pthread_mutex_t lock; /* of the routes */
	unsigned msi_count;   /* highest used + 1 */
	struct kvm_route msi[KVM_MSI_MAX];
};

/* ioctl(2) that returns -errno, and goes on when a signal came. */
int kvm_ioctl(int fd, unsigned long request, void *arg);

bool kvm_has(const struct kvm *k, int capability);
/* kvm_close() also after it failed. */
int kvm_open(struct kvm *k, const char *path, struct err *err);
void kvm_close(struct kvm *k);
/* Before any CPU. */
int kvm_create_chips(struct kvm *k, struct err *err);
int kvm_add_memory(struct kvm *k, unsigned slot, uint64_t gpa, void *host, uint64_t len);

/* The guest's clock (kvmclock), ns. No CPU runs. */
int kvm_clock_get(struct kvm *k, uint64_t *ns);
int kvm_clock_set(struct kvm *k, uint64_t ns);

/* 8259s, IOAPIC, PIT and the clock, for a saved machine. No CPU runs. */
int kvm_save(struct kvm *k, uint64_t clock, struct buf *out);
int kvm_load(struct kvm *k, uint64_t *clock, struct rd *in, struct err *err);

/* An interrupt line's level. Any thread. */
void kvm_line(struct kvm *k, unsigned gsi, bool level);
/* Any thread; the signatures are those of struct virtio_pci_host. */
int kvm_kick_add(void *kvm, uint64_t gpa, int fd);
void kvm_kick_del(void *kvm, uint64_t gpa, int fd);
void kvm_msi_send(void *kvm, uint64_t address, uint32_t data);
int kvm_msi_attach(void *kvm, int fd, uint64_t address, uint32_t data);
void kvm_msi_detach(void *kvm, int fd);

#endif
