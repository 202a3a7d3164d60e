/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/kvm_priv.h"

#include "hv/vmm/given_priv.h"
#include "hv/vmm/layout_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <unistd.h>

int kvm_ioctl(int fd, unsigned long request, void *arg)
{
	int n;

	do
		n = ioctl(fd, request, arg);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int ioctl_value(int fd, unsigned long request, unsigned long value)
{
	int n = ioctl(fd, request, value);

	return n < 0 ? -errno : n;
}

bool kvm_has(const struct kvm *k, int capability)
{
	return ioctl_value(k->sys, KVM_CHECK_EXTENSION, (unsigned long)capability) > 0;
}

static int check(struct kvm *k, struct err *err)
{
	static const struct {
		int cap;
		const char *name;
	} needs[] = {
		{ KVM_CAP_USER_MEMORY, "USER_MEMORY" }, { KVM_CAP_IRQCHIP, "IRQCHIP" },
		{ KVM_CAP_PIT2, "PIT2" },		{ KVM_CAP_IRQ_ROUTING, "IRQ_ROUTING" },
		{ KVM_CAP_IRQFD, "IRQFD" },		{ KVM_CAP_IOEVENTFD, "IOEVENTFD" },
		{ KVM_CAP_EXT_CPUID, "EXT_CPUID" },	{ KVM_CAP_IMMEDIATE_EXIT, "IMMEDIATE_EXIT" },
		{ KVM_CAP_IOEVENTFD_ANY_LENGTH, "IOEVENTFD_ANY_LENGTH" },
		{ KVM_CAP_SIGNAL_MSI, "SIGNAL_MSI" },
	};
	int version = ioctl_value(k->sys, KVM_GET_API_VERSION, 0);

	if (version != KVM_API_VERSION)
		return err_set(err, -EPROTO, "/dev/kvm: API version %d; %d is needed", version,
			       KVM_API_VERSION);
	for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (!kvm_has(k, needs[i].cap))
			return err_set(err, -ENOTSUP, "/dev/kvm: it lacks KVM_CAP_%s", needs[i].name);
	return 0;
}

static int make_vm(struct kvm *k, struct err *err)
{
	uint64_t identity = KVM_IDENTITY;
	int code = ioctl_value(k->sys, KVM_GET_VCPU_MMAP_SIZE, 0);

	if (code < 0)
		return err_sys(err, code, "/dev/kvm: size of a vCPU");
	k->run_size = (unsigned)code;
	k->vm = ioctl_value(k->sys, KVM_CREATE_VM, 0);
	if (k->vm < 0)
		return err_sys(err, k->vm, "/dev/kvm: making a virtual machine");
	code = ioctl_value(k->vm, KVM_SET_TSS_ADDR, KVM_TSS);
	if (!code)
		code = kvm_ioctl(k->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity);
	return code ? err_sys(err, code, "/dev/kvm: reserving its pages") : 0;
}

int kvm_create_chips(struct kvm *k, struct err *err)
{
	struct kvm_pit_config pit = { .flags = KVM_PIT_SPEAKER_DUMMY };
	int code = ioctl_value(k->vm, KVM_CREATE_IRQCHIP, 0);

	if (!code)
		code = kvm_ioctl(k->vm, KVM_CREATE_PIT2, &pit);
	return code ? err_sys(err, code, "/dev/kvm: interrupt controllers") : 0;
}

int kvm_open(struct kvm *k, const char *path, struct err *err)
{
	int code;

	*k = (struct kvm){ .sys = -1, .vm = -1 };
	pthread_mutex_init(&k->lock, NULL);
	k->sys = given_open(path, O_RDWR);
	if (k->sys < 0)
		code = err_sys(err, k->sys, "%s", path);
	else
		code = check(k, err);
	if (!code)
		code = make_vm(k, err);
	return code;
}

void kvm_close(struct kvm *k)
{
	if (k->vm >= 0)
		close(k->vm);
	if (k->sys >= 0)
		close(k->sys);
	k->vm = k->sys = -1;
	pthread_mutex_destroy(&k->lock);
}

int kvm_add_memory(struct kvm *k, unsigned slot, uint64_t gpa, void *host, uint64_t len)
{
	struct kvm_userspace_memory_region r = { .slot = slot, .guest_phys_addr = gpa,
						 .memory_size = len,
						 .userspace_addr = (uintptr_t)host };

	return kvm_ioctl(k->vm, KVM_SET_USER_MEMORY_REGION, &r);
}

int kvm_clock_get(struct kvm *k, uint64_t *ns)
{
	struct kvm_clock_data c = { 0 };
	int code = kvm_ioctl(k->vm, KVM_GET_CLOCK, &c);

	*ns = c.clock;
	return code;
}

int kvm_clock_set(struct kvm *k, uint64_t ns)
{
	struct kvm_clock_data c = { .clock = ns };

	return kvm_ioctl(k->vm, KVM_SET_CLOCK, &c);
}

void kvm_line(struct kvm *k, unsigned gsi, bool level)
{
	struct kvm_irq_level line = { .irq = gsi, .level = level };

	kvm_ioctl(k->vm, KVM_IRQ_LINE, &line);
}

int kvm_kick_add(void *kvm, uint64_t gpa, int fd)
{
	struct kvm *k = kvm;
	struct kvm_ioeventfd e = { .addr = gpa, .fd = fd }; /* length 0: any */

	return kvm_ioctl(k->vm, KVM_IOEVENTFD, &e);
}

void kvm_kick_del(void *kvm, uint64_t gpa, int fd)
{
	struct kvm *k = kvm;
	struct kvm_ioeventfd e = { .addr = gpa, .fd = fd, .flags = KVM_IOEVENTFD_FLAG_DEASSIGN };

	kvm_ioctl(k->vm, KVM_IOEVENTFD, &e);
}

/* All routes at once: KVM has no other way. With the lock held. */
static int set_routes(struct kvm *k)
{
	static struct {
		struct kvm_irq_routing head;
		struct kvm_irq_routing_entry entry[16 + KVM_PINS + KVM_MSI_MAX];
	} t; /* one machine a process, and the lock is held */
	struct kvm_irq_routing_entry *e = t.entry;

	for (unsigned i = 0; i < 16; i++)
		*e++ = (struct kvm_irq_routing_entry){
			.gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP,
			.u.irqchip = { i < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, i % 8 } };
	for (unsigned i = 0; i < KVM_PINS; i++)
		*e++ = (struct kvm_irq_routing_entry){ .gsi = i, .type = KVM_IRQ_ROUTING_IRQCHIP,
						       .u.irqchip = { KVM_IRQCHIP_IOAPIC, i } };
	for (unsigned i = 0; i < k->msi_count; i++) {
		const struct kvm_route *r = &k->msi[i];

		if (!r->used)
			continue;
		*e++ = (struct kvm_irq_routing_entry){
			.gsi = KVM_PINS + i, .type = KVM_IRQ_ROUTING_MSI,
			.u.msi = { .address_lo = (uint32_t)r->address,
				   .address_hi = (uint32_t)(r->address >> 32), .data = r->data } };
	}
	t.head.nr = (uint32_t)(e - t.entry);
	return kvm_ioctl(k->vm, KVM_SET_GSI_ROUTING, &t);
}

static int irqfd(struct kvm *k, int fd, unsigned slot, uint32_t flags)
{
	struct kvm_irqfd f = { .fd = (uint32_t)fd, .gsi = KVM_PINS + slot, .flags = flags };

	return kvm_ioctl(k->vm, KVM_IRQFD, &f);
}

void kvm_msi_send(void *kvm, uint64_t address, uint32_t data)
{
	struct kvm *k = kvm;
	struct kvm_msi m = { .address_lo = (uint32_t)address, .address_hi = (uint32_t)(address >> 32),
			     .data = data };

	kvm_ioctl(k->vm, KVM_SIGNAL_MSI, &m);
}

/* The kernel looks whether fd was written to before: such a write interrupts now. */
int kvm_msi_attach(void *kvm, int fd, uint64_t address, uint32_t data)
{
	struct kvm *k = kvm;
	unsigned i = 0;
	int code = -ENOSPC;

	pthread_mutex_lock(&k->lock);
	while (i < KVM_MSI_MAX && k->msi[i].used)
		i++;
	if (i < KVM_MSI_MAX) {
		k->msi[i] = (struct kvm_route){ true, fd, address, data };
		k->msi_count = i + 1 > k->msi_count ? i + 1 : k->msi_count;
		code = set_routes(k);
		if (!code)
			code = irqfd(k, fd, i, 0);
		k->msi[i].used = !code;
	}
	pthread_mutex_unlock(&k->lock);
	return code;
}

void kvm_msi_detach(void *kvm, int fd)
{
	struct kvm *k = kvm;

	pthread_mutex_lock(&k->lock);
	for (unsigned i = 0; i < k->msi_count; i++) {
		if (!k->msi[i].used || k->msi[i].fd != fd)
			continue;
		irqfd(k, fd, i, KVM_IRQFD_FLAG_DEASSIGN);
		k->msi[i].used = false;
	}
	pthread_mutex_unlock(&k->lock);
}
