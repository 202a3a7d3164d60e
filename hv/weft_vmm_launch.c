/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"
#include "hv/args_priv.h"
#include "hv/machine_dir_priv.h"
#include "hv/view_priv.h"
#include "hv/weft_vmm_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#define IN_JAIL "/weft-vmm"

/* Without the pages a state has at most so many bytes (hv/vmm/state_priv.h); a log, too. */
enum { CPUS_MAX = 8, STATE_MAX = 16 << 20 };

/* What the process gets as descriptors 3, 4, ...; the jail shows none of them. It boots, or goes on
 * from a saved machine. */
enum { FD_KVM, FD_KERNEL, FD_INITRD, FD_STATE = FD_KERNEL, FD_RAM, FDS };

/* weft-vmm lies beside the program that runs. */
static int find_program(char path[PATH_MAX], struct err *err)
{
	int code = file_beside(path, "weft-vmm", err);

	if (code)
		return code;
	return access(path, X_OK) < 0 ? err_set(err, -ENOTSUP, "%s cannot be run", path) : 0;
}

static bool has_comma(const struct hv_nic *nic)
{
	return strchr(nic->peer, ',') || (!nic->vhost_user && strchr(nic->local, ','));
}

int weft_vmm_can(const struct hv_conf *conf, struct err *err)
{
	char path[PATH_MAX];

	if (!conf->kernel)
		return err_set(err, -ENOTSUP, "%s: weft-vmm boots nothing but kernels", conf->name);
	if (conf->cpus > CPUS_MAX)
		return err_set(err, -ENOTSUP, "%s: weft-vmm has at most %d CPUs", conf->name, CPUS_MAX);
	if (conf->manage)
		return err_set(err, -ENOTSUP, "%s: weft-vmm has no NIC for management, which takes QEMU "
			       "(WEFT_MACHINE)", conf->name);
	for (unsigned i = 0; i < conf->nic_count; i++)
		if (has_comma(&conf->nics[i]))
			return err_set(err, -ENOTSUP, "%s: a comma in a path of a NIC's: weft-vmm takes none",
				       conf->name);
	if (access("/dev/kvm", R_OK | W_OK) < 0)
		return err_set(err, -ENOTSUP, "%s: /dev/kvm: %s", conf->name, strerror(errno));
	return find_program(path, err);
}

static void add_path(struct args *a, const char *option, const char *dir, const char *name)
{
	args_add(a, "%s", option);
	args_add(a, "%s/%s", dir, name);
}

static void add_fd(struct args *a, const char *option, unsigned fd)
{
	args_add(a, "%s", option);
	args_add(a, "fd:%u", 3 + fd);
}

static void add_nic(struct args *a, const struct hv_nic *nic)
{
	char local[SOCK_PATH_MAX + 8] = "";

	if (!nic->vhost_user)
		snprintf(local, sizeof(local), "local=%s,", nic->local);
	args_add(a, "--net");
	args_add(a, "mac=%02x:%02x:%02x:%02x:%02x:%02x,%s%s=%s,mtu=%u,carrier=%s,queues=%u", nic->mac[0],
		 nic->mac[1], nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5], local,
		 nic->vhost_user ? "vhost-user" : "peer", nic->peer, nic->mtu, nic->carrier ? "on" : "off",
		 nic->pairs ? nic->pairs : 1);
}

static void add_boot(struct args *a, const struct hv_conf *conf)
{
	add_fd(a, "--kernel", FD_KERNEL);
	if (conf->initrd)
		add_fd(a, "--initrd", FD_INITRD);
	args_add(a, "--cmdline");
	args_add(a, "%s", conf->cmdline ? conf->cmdline : "");
	args_add(a, "--memory");
	args_add(a, "%u", conf->memory_mib);
	if (conf->huge_pages)
		args_add(a, "--huge-pages");
	args_add(a, "--cpus");
	args_add(a, "%u", conf->cpus);
}

static void add_saved(struct args *a, const int fds[FDS])
{
	args_add(a, "--from-fds");
	if (fds[FD_RAM] < 0)
		args_add(a, "%d", 3 + FD_STATE);
	else
		args_add(a, "%d,%d", 3 + FD_STATE, 3 + FD_RAM);
}

static int make_args(struct args *a, const struct hv_conf *conf, const int fds[FDS])
{
	args_add(a, IN_JAIL);
	args_add(a, "--name");
	args_add(a, "%s", conf->name);
	add_fd(a, "--kvm", FD_KVM);
	if (conf->from)
		add_saved(a, fds);
	else
		add_boot(a, conf);
	add_path(a, "--control", conf->dir, "control.sock");
	add_path(a, "--gdb", conf->dir, "gdb.sock");
	add_path(a, "--console", conf->dir, "console.sock");
	add_path(a, "--console-log", conf->dir, "console.log");
	add_path(a, "--agent", conf->dir, "agent.sock");
	for (unsigned i = 0; i < conf->nic_count; i++)
		add_nic(a, &conf->nics[i]);
	if (conf->paused)
		args_add(a, "--paused");
	return a->argv ? 0 : -ENOMEM;
}

static int open_file(const struct hv_conf *conf, const char *path, int flags, int *fd,
		     struct err *err)
{
	*fd = open(path, flags | O_CLOEXEC);
	return *fd < 0 ? err_sys(err, -errno, "%s: %s", conf->name, path) : 0;
}

static int open_files(struct weft_vmm *w, const struct hv_conf *conf, int fds[FDS], struct err *err)
{
	int code = open_file(conf, "/dev/kvm", O_RDWR, &fds[FD_KVM], err);

	if (code)
		return code;
	if (conf->from) {
		code = machine_open_saved(&w->m, conf, &fds[FD_STATE], err);
		if (!code && w->m.ram)
			fds[FD_RAM] = fcntl(ram_fd(w->m.ram), F_DUPFD_CLOEXEC, 3);
		if (!code && w->m.ram && fds[FD_RAM] < 0)
			code = err_sys(err, -errno, "%s", conf->name);
		return code;
	}
	code = open_file(conf, conf->kernel, O_RDONLY, &fds[FD_KERNEL], err);
	if (!code && conf->initrd)
		code = open_file(conf, conf->initrd, O_RDONLY, &fds[FD_INITRD], err);
	return code;
}

/* Of the largest file that it may write: its state, which may have all pages and their numbers. */
static uint64_t file_max(const struct hv_conf *conf)
{
	uint64_t memory = (uint64_t)conf->memory_mib << 20;

	return memory + memory / 512 + STATE_MAX;
}

/* The directory is made, and everything opened. */
static int spawn(struct weft_vmm *w, const struct hv_conf *conf, struct jail_conf *jail, struct err *err)
{
	struct view *v = calloc(1, sizeof(*v));
	struct args args = { 0 };
	char program[PATH_MAX];
	int code = 0;

	if (!v || make_args(&args, conf, jail->fds) < 0)
		code = err_sys(err, -ENOMEM, "%s", conf->name);
	if (!code)
		code = find_program(program, err);
	if (!code) {
		view_show(v, program, IN_JAIL, true, false);
		code = view_sockets(v, conf, err);
	}
	if (!code)
		jail->log_fd = code = machine_dir_log(conf->dir, err);
	if (code >= 0) {
		jail->argv = (const char *const *)args.argv;
		jail->binds = v->binds;
		jail->bind_count = v->count;
		code = jail_spawn(jail, &w->m.rec.pid, err);
		close(jail->log_fd);
	}
	args_free(&args);
	free(v);
	return code;
}

int weft_vmm_launch(struct weft_vmm *w, const struct hv_conf *conf, struct err *err)
{
	int fds[FDS] = { -1, -1, -1 };
	struct jail_conf jail = { .uid = conf->uid, .dir = conf->dir, .fds = fds,
				  .file_max = file_max(conf) };
	int code = machine_dir_make(conf, err);

	if (!code)
		code = open_files(w, conf, fds, err);
	while (jail.fd_count < FDS && fds[jail.fd_count] >= 0)
		jail.fd_count++;
	if (!code)
		code = spawn(w, conf, &jail, err);
	for (unsigned i = 0; i < FDS; i++)
		saved_close(&fds[i]);
	return code;
}

/* With the kernel's KVM the CPUs' features change, which have to be the same. */
int weft_vmm_fingerprint(const struct hv_conf *conf, struct buf *out, struct err *err)
{
	char program[PATH_MAX];
	struct utsname host;
	struct stat st;
	int code = find_program(program, err);

	if (code)
		return code;
	if (stat(program, &st) < 0 || uname(&host) < 0)
		return err_sys(err, -errno, "%s", program);
	buf_printf(out, "%s %lld bytes, %lld.%09ld, inode %llu, %s %s\n", hv_weft_vmm.name,
		   (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		   (unsigned long long)st.st_ino, host.release, host.version);
	buf_printf(out, "%s\n%s\n%u MiB, %u CPUs\n", conf->kernel,
		   conf->cmdline ? conf->cmdline : "", conf->memory_mib, conf->cpus);
	return out->bad ? err_sys(err, -ENOMEM, "%s", conf->name) : 0;
}
