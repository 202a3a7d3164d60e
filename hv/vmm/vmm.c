/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/vmm_priv.h"

#include "hv/vmm/debugger_priv.h"
#include "hv/vmm/filter_priv.h"
#include "hv/vmm/saved_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

const char *vmm_end_name(enum vmm_end end)
{
	static const char *const names[] = { "", "stopped", "shutdown", "reset", "crashed", "failed" };

	return names[end];
}

void vmm_end(struct vmm *m, enum vmm_end end, const char *why)
{
	if (m->end != VMM_RUNS)
		return;
	m->end = end;
	snprintf(m->why, sizeof(m->why), "%s", why);
	event_active(m->end_event, EV_TIMEOUT, 0);
}

static void on_end(evutil_socket_t fd, short what, void *arg)
{
	struct vmm *m = arg;

	vmm_pause(m);
	m->ended_cb(m->arg, m->end, m->why);
}

static void port(void *arg, uint16_t at, bool write, void *bytes, unsigned len)
{
	struct vmm *m = arg;

	pthread_mutex_lock(&m->lock);
	ports_access(m, at, write, bytes, len);
	pthread_mutex_unlock(&m->lock);
}

static void device_memory(void *arg, uint64_t gpa, bool write, void *bytes, unsigned len)
{
	struct vmm *m = arg;
	bool found;

	pthread_mutex_lock(&m->lock);
	found = pci_host_memory(&m->pci, gpa, write, bytes, len);
	pthread_mutex_unlock(&m->lock);
	for (unsigned i = 0; !found && !write && i < len; i++)
		((uint8_t *)bytes)[i] = 0xff;
}

static void end_locked(struct vmm *m, enum vmm_end end, const char *why)
{
	pthread_mutex_lock(&m->lock);
	vmm_end(m, end, why);
	pthread_mutex_unlock(&m->lock);
}

static void triple_fault(void *arg)
{
	end_locked(arg, VMM_RESET, "");
}

static void failed(void *arg, const char *why)
{
	end_locked(arg, VMM_FAILED, why);
}

static void debug(void *arg, unsigned cpu, unsigned exception, uint64_t pc)
{
	struct vmm *m = arg;

	pthread_mutex_lock(&m->lock);
	debugger_hit(m->debugger, cpu, exception, pc);
	pthread_mutex_unlock(&m->lock);
}

int vmm_create(struct event_base *base, const struct vmm_conf *conf, vmm_ended_cb cb, void *arg,
	       struct vmm **out, struct err *err)
{
	struct vcpu_ops ops = { port, device_memory, triple_fault, failed, debug, NULL };
	struct saved *saved = NULL;
	struct vmm *m;
	int code = build_check(conf, err);

	if (code)
		return code;
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_sys(err, -ENOMEM, "machine");
	*m = (struct vmm){ .base = base, .ended_cb = cb, .arg = arg, .memory_mib = conf->memory_mib,
			   .cpus = conf->cpus, .split_rings = conf->split_rings,
			   .device_kinds = build_device_kinds(conf),
			   .kvm = { .sys = -1, .vm = -1 }, .memory.fd = -1, .console.log = -1 };
	snprintf(m->name, sizeof(m->name), "%s", conf->name ? conf->name : "");
	pthread_mutex_init(&m->lock, NULL);
	ops.arg = m;
	m->end_event = event_new(base, -1, 0, on_end, m);
	code = m->end_event ? 0 : err_sys(err, -ENOMEM, "machine");
	if (!code && conf->from)
		code = saved_vm_open(conf->state, &saved, err);
	if (!code && saved)
		code = saved_machine(saved, &m->memory_mib, &m->cpus, &m->split_rings, err);
	if (!code)
		code = build_machine(m, conf, saved, &ops, err);
	saved_vm_close(saved);
	if (!code && conf->gdb)
		code = debugger_create(m, conf->gdb, &m->debugger, err);
	if (code)
		vmm_destroy(m);
	else
		*out = m;
	return code;
}

int vmm_confine(const struct vmm *m, struct err *err)
{
	return filter_install(FILTER_LOOP, m->device_kinds, err);
}

void vmm_destroy(struct vmm *m)
{
	if (!m)
		return;
	vmm_pause(m);
	debugger_destroy(m->debugger);
	vcpus_destroy(m->vcpus);
	devices_destroy(m);
	if (m->end_event)
		event_free(m->end_event);
	kvm_close(&m->kvm);
	memory_destroy(&m->memory);
	pthread_mutex_destroy(&m->lock);
	free(m);
}

static int64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

void vmm_go(struct vmm *m, int step)
{
	bool over;

	pthread_mutex_lock(&m->lock);
	over = m->end != VMM_RUNS;
	pthread_mutex_unlock(&m->lock);
	if (over || m->running)
		return;
	if (m->started)
		kvm_clock_set(&m->kvm, m->clock);
	if (step < 0)
		vcpus_run(m->vcpus);
	else
		vcpus_run_one(m->vcpus, (unsigned)step);
	m->started = m->running = true;
	m->instant_us = now_us();
}

void vmm_run(struct vmm *m)
{
	vmm_go(m, -1);
}

void vmm_pause(struct vmm *m)
{
	if (!m->running)
		return;
	vcpus_park(m->vcpus);
	pthread_mutex_lock(&m->lock);
	console_flush(&m->console); /* who pauses it finds all that it has said */
	pthread_mutex_unlock(&m->lock);
	kvm_clock_get(&m->kvm, &m->clock);
	m->running = false;
	m->instant_us = now_us();
}

void vmm_stop(struct vmm *m)
{
	end_locked(m, VMM_STOPPED, "");
}

int vmm_carrier(struct vmm *m, unsigned nic, bool up)
{
	if (nic >= m->nic_count)
		return -ENOENT;
	pthread_mutex_lock(&m->lock);
	virtio_net_carrier(m->nic[nic], up);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

int vmm_balloon(struct vmm *m, unsigned mib)
{
	if (!m->balloon)
		return -ENOENT;
	if (mib > m->memory_mib)
		return -EINVAL;
	pthread_mutex_lock(&m->lock);
	virtio_balloon_want(m->balloon, mib << 8);
	pthread_mutex_unlock(&m->lock);
	return 0;
}

int vmm_console(struct vmm *m, int fd)
{
	int code;

	pthread_mutex_lock(&m->lock);
	code = console_adopt(&m->console, fd);
	pthread_mutex_unlock(&m->lock);
	return code;
}

void vmm_status(struct vmm *m, struct vmm_status *out)
{
	pthread_mutex_lock(&m->lock);
	*out = (struct vmm_status){ .name = m->name, .end = m->end, .started = m->started,
				    .running = m->running, .instant_us = m->instant_us,
				    .memory_mib = m->memory_mib,
				    .cpus = m->cpus, .nic_count = m->nic_count,
				    .exits = vcpus_exits(m->vcpus), .balloon = m->balloon };
	if (m->balloon) {
		struct virtio_balloon_stats s = virtio_balloon_stats(m->balloon);

		out->wanted_mib = s.wanted_pages >> 8;
		out->given_mib = s.given_pages >> 8;
		out->reported_bytes = s.reported_bytes;
	}
	pthread_mutex_unlock(&m->lock);
}

bool vmm_nic_status(struct vmm *m, unsigned nic, struct virtio_net_status *out)
{
	if (nic >= m->nic_count)
		return false;
	pthread_mutex_lock(&m->lock);
	*out = virtio_net_status(m->nic[nic]);
	pthread_mutex_unlock(&m->lock);
	return true;
}

bool vmm_nic_counter(struct vmm *m, unsigned nic, unsigned i, const char **name, uint64_t *value)
{
#define X(counter) #counter,
	static const char *const names[] = { VIRTIO_NET_STATS(X) };
#undef X
	struct virtio_net_stats stats;

	if (nic >= m->nic_count || i >= sizeof(names) / sizeof(names[0]))
		return false;
	pthread_mutex_lock(&m->lock);
	stats = virtio_net_stats(m->nic[nic]);
	pthread_mutex_unlock(&m->lock);
	*name = names[i];
	*value = ((const uint64_t *)&stats)[i];
	return true;
}
