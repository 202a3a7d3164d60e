/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/args_priv.h"
#include "hv/machine_dir_priv.h"
#include "hv/view_priv.h"
#include "hv/weft_vmm_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define IN_JAIL "/weft-vmm"

enum { CPUS_MAX = 8 };

/* What the process gets as descriptors 3, 4, ...; the jail shows none of them. */
enum { FD_KVM, FD_KERNEL, FD_INITRD, FDS };

/* weft-vmm lies beside the program that runs. */
static int find_program(char path[PATH_MAX], struct err *err)
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (n < 0)
		return err_sys(err, -errno, "/proc/self/exe");
	self[n] = 0;
	if (snprintf(path, PATH_MAX, "%s/weft-vmm", dirname(self)) >= PATH_MAX)
		return err_sys(err, -ENAMETOOLONG, "weft-vmm");
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
	if (conf->from)
		return err_set(err, -ENOTSUP, "%s: weft-vmm cannot go on from a saved machine", conf->name);
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
	args_add(a, "mac=%02x:%02x:%02x:%02x:%02x:%02x,%s%s=%s,mtu=%u,carrier=%s", nic->mac[0], nic->mac[1],
		 nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5], local,
		 nic->vhost_user ? "vhost-user" : "peer", nic->peer, nic->mtu, nic->carrier ? "on" : "off");
}

static int make_args(struct args *a, const struct hv_conf *conf)
{
	args_add(a, IN_JAIL);
	args_add(a, "--name");
	args_add(a, "%s", conf->name);
	add_fd(a, "--kvm", FD_KVM);
	add_fd(a, "--kernel", FD_KERNEL);
	if (conf->initrd)
		add_fd(a, "--initrd", FD_INITRD);
	args_add(a, "--cmdline");
	args_add(a, "%s", conf->cmdline ? conf->cmdline : "");
	args_add(a, "--memory");
	args_add(a, "%u", conf->memory_mib);
	args_add(a, "--cpus");
	args_add(a, "%u", conf->cpus);
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

static int open_files(const struct hv_conf *conf, int fds[FDS], struct err *err)
{
	const char *const paths[] = { "/dev/kvm", conf->kernel, conf->initrd };

	for (unsigned i = 0; i < FDS && paths[i]; i++) {
		fds[i] = open(paths[i], (i == FD_KVM ? O_RDWR : O_RDONLY) | O_CLOEXEC);
		if (fds[i] < 0)
			return err_sys(err, -errno, "%s: %s", conf->name, paths[i]);
	}
	return 0;
}

/* The directory is made, and everything opened. */
static int spawn(struct weft_vmm *w, const struct hv_conf *conf, struct jail_conf *jail, struct err *err)
{
	struct view *v = calloc(1, sizeof(*v));
	struct args args = { 0 };
	char program[PATH_MAX];
	int code = v && make_args(&args, conf) == 0 ? 0 : err_sys(err, -ENOMEM, "%s", conf->name);

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
				  .fd_count = conf->initrd ? FDS : FD_INITRD,
				  .file_max = machine_file_max(conf->memory_mib) };
	int code = machine_dir_make(conf, err);

	if (!code)
		code = open_files(conf, fds, err);
	if (!code)
		code = spawn(w, conf, &jail, err);
	for (unsigned i = 0; i < FDS; i++)
		saved_close(&fds[i]);
	return code;
}
