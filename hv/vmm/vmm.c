/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/vmm_priv.h"

#include "hv/vmm/acpi_priv.h"
#include "hv/vmm/debugger_priv.h"
#include "hv/vmm/filter_priv.h"
#include "hv/vmm/given_priv.h"
#include "hv/vmm/saved_priv.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

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

struct file {
	const uint8_t *bytes;
	size_t len;
};

static int map_file(const char *path, struct file *f, struct err *err)
{
	int fd = given_open(path, O_RDONLY), code = 0;
	struct stat st;
	void *at = MAP_FAILED;

	if (fd < 0)
		return err_sys(err, fd, "%s", path);
	if (fstat(fd, &st) < 0)
		code = -errno;
	else if (!S_ISREG(st.st_mode) || !st.st_size)
		code = -EINVAL;
	else if ((at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0)) == MAP_FAILED)
		code = -errno;
	close(fd);
	if (code)
		return err_sys(err, code, "%s", path);
	*f = (struct file){ at, (size_t)st.st_size };
	return 0;
}

static void unmap_file(struct file *f)
{
	if (f->bytes)
		munmap((void *)(uintptr_t)f->bytes, f->len);
}

static int boot(struct vmm *m, const struct vmm_conf *conf, struct load_entry *entry, struct err *err)
{
	struct file kernel = { 0 }, initrd = { 0 };
	struct load_conf load = { .cmdline = conf->cmdline ? conf->cmdline : "" };
	int code = acpi_build(&m->memory.ranges, m->cpus, &load.rsdp, err);

	if (!code)
		code = map_file(conf->kernel, &kernel, err);
	if (!code && conf->initrd)
		code = map_file(conf->initrd, &initrd, err);
	if (!code) {
		load.kernel = kernel.bytes;
		load.kernel_len = kernel.len;
		load.initrd = initrd.bytes;
		load.initrd_len = initrd.len;
		code = load_boot(&m->memory.ranges, &load, entry, err);
	}
	unmap_file(&kernel);
	unmap_file(&initrd);
	return code;
}

static int add_memory(struct vmm *m, const struct vmm_conf *conf, int ram, struct err *err)
{
	uint64_t size = (uint64_t)m->memory_mib << 20;
	enum memory_kind kind = conf->huge_pages		       ? MEMORY_SHARED_HUGE :
				(m->device_kinds & FILTER_VHOST_USER) ? MEMORY_SHARED :
									MEMORY_OWN;
	int code = ram < 0 ? memory_create(&m->memory, size, kind, err) :
			     memory_create_from(&m->memory, size, ram, err);

	for (unsigned i = 0; !code && i < m->memory.ranges.count; i++) {
		const struct guest_range *r = &m->memory.ranges.range[i];

		code = kvm_add_memory(&m->kvm, i, r->gpa, r->host, r->len);
		if (code)
			err_sys(err, code, "memory");
	}
	return code;
}

static unsigned device_kinds(const struct vmm_conf *conf)
{
	unsigned kinds = 0;

	for (unsigned i = 0; i < conf->nic_count; i++)
		kinds |= conf->nic[i].vhost_user ? FILTER_VHOST_USER :
			 conf->nic[i].peer	 ? 0 :
						   FILTER_TAP;
	for (unsigned i = 0; i < conf->disk_count; i++)
		if (conf->disk[i].write || conf->disk[i].forget || conf->disk[i].overlay)
			kinds |= FILTER_WRITTEN_DISK;
	return kinds;
}

static int check(const struct vmm_conf *conf, struct err *err)
{
	if (!conf->kernel && !conf->from)
		return err_set(err, -EINVAL, "a machine needs a kernel");
	if (conf->nic_count > VMM_NICS_MAX)
		return err_set(err, -EINVAL, "%u NICs; at most %d work", conf->nic_count, VMM_NICS_MAX);
	if (conf->disk_count > VMM_DISKS_MAX)
		return err_set(err, -EINVAL, "%u disks; at most %d work", conf->disk_count, VMM_DISKS_MAX);
	if (conf->huge_pages && (conf->from || !(device_kinds(conf) & FILTER_VHOST_USER)))
		return err_set(err, -EINVAL, "huge pages are set aside for memory that a NIC by vhost-user "
			       "shares; other memory is in huge pages by itself where the host gives such");
	return 0;
}

static int check_size(const struct vmm *m, struct err *err)
{
	if (m->cpus < 1 || m->cpus > VMM_CPUS_MAX)
		return err_set(err, -EINVAL, "%u CPUs; 1 to %d work", m->cpus, VMM_CPUS_MAX);
	if (m->memory_mib < VMM_MEMORY_MIN_MIB || m->memory_mib > VMM_MEMORY_MAX_MIB)
		return err_set(err, -EINVAL, "%u MiB of memory; %d to %d work", m->memory_mib,
			       VMM_MEMORY_MIN_MIB, VMM_MEMORY_MAX_MIB);
	return 0;
}

/* KVM, memory, devices and CPUs: of a machine that boots, or that goes on from a saved one. */
static int build(struct vmm *m, const struct vmm_conf *conf, struct saved *saved,
		 const struct vcpu_ops *ops, struct err *err)
{
	struct load_entry entry;
	int code = check_size(m, err);

	if (!code)
		code = kvm_open(&m->kvm, conf->kvm, err);
	if (!code)
		code = add_memory(m, conf, saved ? conf->ram : -1, err);
	if (!code)
		code = kvm_create_chips(&m->kvm, err);
	if (!code && !saved)
		code = boot(m, conf, &entry, err);
	if (!code)
		code = devices_create(m, conf, err);
	if (!code)
		code = vcpus_create(&m->kvm, m->cpus, saved ? NULL : &entry, m->device_kinds, ops,
				    &m->vcpus, err);
	if (!code && saved)
		code = saved_load(saved, m, err);
	if (!code)
		code = generation_renew(m, err);
	if (!code && saved)
		generation_tell(m);
	m->started = saved;
	return code;
}

int vmm_create(struct event_base *base, const struct vmm_conf *conf, vmm_ended_cb cb, void *arg,
	       struct vmm **out, struct err *err)
{
	struct vcpu_ops ops = { port, device_memory, triple_fault, failed, debug, NULL };
	struct saved *saved = NULL;
	struct vmm *m;
	int code = check(conf, err);

	if (code)
		return code;
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_sys(err, -ENOMEM, "machine");
	*m = (struct vmm){ .base = base, .ended_cb = cb, .arg = arg, .memory_mib = conf->memory_mib,
			   .cpus = conf->cpus, .split_rings = conf->split_rings,
			   .device_kinds = device_kinds(conf),
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
		code = build(m, conf, saved, &ops, err);
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
