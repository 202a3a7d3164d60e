/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/vcpu_priv.h"

#include "hv/vmm/filter_priv.h"

#include <errno.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Parking: `run` says what is wanted. A CPU in the guest is fetched by a signal; immediate_exit
 * closes the gap between its look at `run` and its entry. It is set with the lock held, and cleared
 * by the CPU itself with the lock held once it has seen that it may run.
 */
struct vcpu {
	struct vcpus *all;
	unsigned index;
	int fd;
	struct kvm_run *run;
	pthread_t thread;
	bool started;
	uint64_t exits;
};

struct vcpus {
	struct kvm *kvm;
	struct vcpu_ops ops;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	unsigned nics; /* filter_install() */
	bool run, quit;
	int only; /* >= 0: no other CPU runs */
	unsigned count, parked;
	struct err refused; /* why a thread could not be confined; "" */
	struct vcpu cpu[VCPUS_MAX];
};

enum { KICK = SIGUSR1 };

static void on_kick(int signal)
{
}

/* With the lock held. */
static bool runs(const struct vcpu *c)
{
	return c->all->run && (c->all->only < 0 || c->all->only == (int)c->index);
}

/* Waits until it may run; false: it is to end. */
static bool may_run(struct vcpu *c)
{
	struct vcpus *v = c->all;
	bool quit;

	pthread_mutex_lock(&v->lock);
	if (!runs(c) && !v->quit) {
		v->parked++;
		pthread_cond_broadcast(&v->changed);
		while (!runs(c) && !v->quit)
			pthread_cond_wait(&v->changed, &v->lock);
		v->parked--;
	}
	__atomic_store_n(&c->run->immediate_exit, 0, __ATOMIC_RELAXED);
	quit = v->quit;
	pthread_mutex_unlock(&v->lock);
	return !quit;
}

static void port_exit(struct vcpu *c)
{
	const struct vcpu_ops *ops = &c->all->ops;
	struct kvm_run *r = c->run;
	uint8_t *bytes = (uint8_t *)r + r->io.data_offset;

	for (uint32_t i = 0; i < r->io.count; i++, bytes += r->io.size)
		ops->port(ops->arg, r->io.port, r->io.direction == KVM_EXIT_IO_OUT, bytes, r->io.size);
}

static void fail(struct vcpu *c, const char *what, uint64_t detail)
{
	char why[160];

	snprintf(why, sizeof(why), "CPU %u: %s (0x%llx)", c->index, what, (unsigned long long)detail);
	c->all->ops.failed(c->all->ops.arg, why);
}

static void fetch(struct vcpus *v)
{
	for (unsigned i = 0; i < v->count; i++) {
		if (!v->cpu[i].started)
			continue;
		__atomic_store_n(&v->cpu[i].run->immediate_exit, 1, __ATOMIC_RELAXED);
		pthread_kill(v->cpu[i].thread, KICK);
	}
}

/* It does not go on before it is told to: not one instruction more. */
static void debug_exit(struct vcpu *c)
{
	const struct vcpu_ops *ops = &c->all->ops;
	const struct kvm_debug_exit_arch *d = &c->run->debug.arch;

	pthread_mutex_lock(&c->all->lock);
	c->all->run = false;
	fetch(c->all);
	pthread_mutex_unlock(&c->all->lock);
	ops->debug(ops->arg, c->index, d->exception, d->pc);
}

static void handle(struct vcpu *c)
{
	const struct vcpu_ops *ops = &c->all->ops;
	struct kvm_run *r = c->run;

	__atomic_store_n(&c->exits, c->exits + 1, __ATOMIC_RELAXED); /* others read it */
	switch (r->exit_reason) {
	case KVM_EXIT_IO:
		port_exit(c);
		break;
	case KVM_EXIT_MMIO:
		ops->memory(ops->arg, r->mmio.phys_addr, r->mmio.is_write, r->mmio.data, r->mmio.len);
		break;
	case KVM_EXIT_DEBUG:
		debug_exit(c);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		ops->reset(ops->arg);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		fail(c, "the processor refuses to enter the guest",
		     r->fail_entry.hardware_entry_failure_reason);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		fail(c, "KVM cannot emulate an instruction or failed otherwise", r->internal.suberror);
		break;
	default:
		fail(c, "KVM left the guest for an unknown reason", r->exit_reason);
		break;
	}
}

/* Only within its filter it runs a guest. */
static bool confined(struct vcpu *c)
{
	struct vcpus *v = c->all;
	struct err err;

	if (filter_install(FILTER_CPU, v->nics, &err) == 0)
		return true;
	pthread_mutex_lock(&v->lock);
	v->refused = err;
	v->parked++;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
	return false;
}

static void *run(void *arg)
{
	struct vcpu *c = arg;
	struct timespec pause = { .tv_nsec = 1000000 };

	if (!confined(c))
		return NULL;
	while (may_run(c)) {
		if (ioctl(c->fd, KVM_RUN, NULL) == 0)
			handle(c);
		else if (errno == EAGAIN) /* it was sent INIT, and waits for SIPI */
			nanosleep(&pause, NULL);
		else if (errno != EINTR)
			fail(c, strerror(errno), 0);
	}
	return NULL;
}

static int make(struct vcpus *v, unsigned i, const struct load_entry *entry, struct err *err)
{
	struct vcpu *c = &v->cpu[i];
	void *at;
	int code;

	c->all = v;
	c->index = i;
	c->fd = ioctl(v->kvm->vm, KVM_CREATE_VCPU, (unsigned long)i);
	if (c->fd < 0)
		return err_sys(err, -errno, "CPU %u", i);
	at = mmap(NULL, v->kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (at == MAP_FAILED)
		return err_sys(err, -errno, "CPU %u", i);
	c->run = at;
	code = cpuid_set(v->kvm, c->fd, i, v->count, err);
	if (!code)
		code = vcpu_state_set(c->fd, i == 0, entry, err);
	if (code)
		return err_prefix(err, code, "CPU %u", i);
	code = pthread_create(&c->thread, NULL, run, c);
	if (code)
		return err_sys(err, -code, "CPU %u: its thread", i);
	c->started = true;
	return 0;
}

/* Until all threads stand, each within its filter. */
static int await_threads(struct vcpus *v, struct err *err)
{
	bool refused;

	pthread_mutex_lock(&v->lock);
	while (v->parked < v->count)
		pthread_cond_wait(&v->changed, &v->lock);
	refused = v->refused.text[0];
	pthread_mutex_unlock(&v->lock);
	return refused ? err_set(err, -EPERM, "%s", v->refused.text) : 0;
}

int vcpus_create(struct kvm *kvm, unsigned count, const struct load_entry *entry, unsigned nics,
		 const struct vcpu_ops *ops, struct vcpus **out, struct err *err)
{
	struct sigaction kick = { .sa_handler = on_kick };
	struct vcpus *v = calloc(1, sizeof(*v));
	int code = 0;

	if (!v)
		return err_sys(err, -ENOMEM, "CPUs");
	*v = (struct vcpus){ .kvm = kvm, .ops = *ops, .count = count, .nics = nics,
			     .only = -1 };
	pthread_mutex_init(&v->lock, NULL);
	pthread_cond_init(&v->changed, NULL);
	sigaction(KICK, &kick, NULL);
	for (unsigned i = 0; i < count; i++)
		v->cpu[i].fd = -1;
	for (unsigned i = 0; i < count && !code; i++)
		code = make(v, i, entry, err);
	if (!code)
		code = await_threads(v, err);
	if (code)
		vcpus_destroy(v);
	else
		*out = v;
	return code;
}

static void let_go(struct vcpus *v, int only)
{
	/* Its watchdogs forgive a guest with kvmclock the time it stood still; others refuse. */
	for (unsigned i = 0; i < v->count; i++)
		kvm_ioctl(v->cpu[i].fd, KVM_KVMCLOCK_CTRL, NULL);
	pthread_mutex_lock(&v->lock);
	v->run = true;
	v->only = only;
	pthread_cond_broadcast(&v->changed);
	pthread_mutex_unlock(&v->lock);
}

void vcpus_run(struct vcpus *v)
{
	let_go(v, -1);
}

void vcpus_run_one(struct vcpus *v, unsigned cpu)
{
	let_go(v, (int)cpu);
}

void vcpus_park(struct vcpus *v)
{
	pthread_mutex_lock(&v->lock);
	v->run = false;
	fetch(v);
	while (v->parked < v->count)
		pthread_cond_wait(&v->changed, &v->lock);
	pthread_mutex_unlock(&v->lock);
}

void vcpus_destroy(struct vcpus *v)
{
	if (!v)
		return;
	pthread_mutex_lock(&v->lock);
	v->quit = true;
	pthread_cond_broadcast(&v->changed);
	fetch(v);
	pthread_mutex_unlock(&v->lock);
	for (unsigned i = 0; i < v->count; i++) {
		struct vcpu *c = &v->cpu[i];

		if (c->started)
			pthread_join(c->thread, NULL);
		if (c->run)
			munmap(c->run, v->kvm->run_size);
		if (c->fd >= 0)
			close(c->fd);
	}
	pthread_cond_destroy(&v->changed);
	pthread_mutex_destroy(&v->lock);
	free(v);
}

int vcpus_fd(const struct vcpus *v, unsigned cpu)
{
	return v->cpu[cpu].fd;
}

uint64_t vcpus_exits(const struct vcpus *v)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < v->count; i++)
		sum += __atomic_load_n(&v->cpu[i].exits, __ATOMIC_RELAXED);
	return sum;
}
