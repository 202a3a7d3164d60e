/* SPDX-License-Identifier: Apache-2.0 */
/* A machine from what is asked for, up to its first instruction. */
#include "hv/vmm/vmm_priv.h"

#include "hv/vmm/acpi_priv.h"
#include "hv/vmm/filter_priv.h"
#include "hv/vmm/given_priv.h"
#include "hv/vmm/saved_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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

unsigned build_device_kinds(const struct vmm_conf *conf)
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

int build_check(const struct vmm_conf *conf, struct err *err)
{
	if (!conf->kernel && !conf->from)
		return err_set(err, -EINVAL, "a machine needs a kernel");
	if (conf->nic_count > VMM_NICS_MAX)
		return err_set(err, -EINVAL, "%u NICs; at most %d work", conf->nic_count, VMM_NICS_MAX);
	if (conf->disk_count > VMM_DISKS_MAX)
		return err_set(err, -EINVAL, "%u disks; at most %d work", conf->disk_count, VMM_DISKS_MAX);
	if (conf->huge_pages && (conf->from || !(build_device_kinds(conf) & FILTER_VHOST_USER)))
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

int build_machine(struct vmm *m, const struct vmm_conf *conf, struct saved *saved,
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
