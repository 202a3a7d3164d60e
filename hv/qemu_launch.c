/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qemu_machine_priv.h"

#include "base/file.h"
#include "hv/jail_priv.h"
#include "hv/machine_dir_priv.h"
#include "hv/qemu_priv.h"
#include "hv/ram_priv.h"
#include "hv/view_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool hv_can_use_kvm(void)
{
	struct buf b = { 0 };
	bool yes = false;
	int fd;

	if (file_read("/proc/cpuinfo", 64 << 20, &b, NULL) == 0) {
		buf_u8(&b, 0);
		yes = !b.bad && qemu_cpu_has_vm((const char *)b.data);
	}
	buf_free(&b);
	if (!yes)
		return false;
	fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static int make_view(struct view *v, const struct hv_conf *conf, struct err *err)
{
	int code = 0;

	/* A guest that runs reads no kernel any more: its beginning gives it the same devices. */
	if (conf->kernel) {
		code = conf->from ?
			       machine_dir_stub(conf, conf->kernel, v->kernel, sizeof(v->kernel), err) :
			       machine_dir_stage(conf, conf->kernel, "kernel", v->kernel,
					      sizeof(v->kernel), err);
		view_show(v, v->kernel, QEMU_KERNEL, true, false);
	}
	if (!code && conf->kernel && conf->initrd && !conf->from) {
		code = machine_dir_stage(conf, conf->initrd, "initrd", v->initrd, sizeof(v->initrd), err);
		view_show(v, v->initrd, QEMU_INITRD, true, false);
	}
	return code ? code : view_sockets(v, conf, err);
}

/* Makes the directory and starts the process in its jail. */
static int spawn(struct qemu *q, const struct hv_conf *conf, struct jail_conf *jail, struct view *v,
		 struct err *err)
{
	struct args args = { 0 };
	int code = machine_dir_make(conf, err);

	if (!code)
		code = make_view(v, conf, err);
	if (code)
		return code;
	code = qemu_args_build(conf, jail->kvm, q->m.ram != NULL, &args);
	if (code)
		return err_sys(err, code, "%s", conf->name);
	jail->log_fd = code = machine_dir_log(conf->dir, err);
	if (code >= 0) {
		jail->argv = (const char *const *)args.argv;
		jail->binds = v->binds;
		jail->bind_count = v->count;
		jail->file_max = machine_file_max(machine_vhost_user(conf) ? conf->memory_mib : 0);
		code = jail_spawn(jail, &q->m.rec.pid, err);
		close(jail->log_fd);
	}
	args_free(&args);
	return code;
}

int qemu_launch(struct qemu *q, const struct hv_conf *conf, struct err *err)
{
	struct jail_conf jail = { .uid = conf->uid, .dir = conf->dir,
				  .loopback = conf->manage, .kvm = hv_can_use_kvm() };
	struct view *v = calloc(1, sizeof(*v));
	int fds[2] = { -1, -1 }, code = 0;

	if (!v)
		return err_sys(err, -ENOMEM, "%s", conf->name);
	snprintf(q->m.rec.accel, sizeof(q->m.rec.accel), "%s", jail.kvm ? "kvm" : "tcg");
	if (conf->from) {
		code = machine_open_saved(&q->m, conf, &fds[0], err);
		jail.fd_count = 1;
		jail.fd_paths = true;
	}
	if (q->m.ram) {
		fds[1] = ram_fd(q->m.ram);
		jail.fd_count = 2;
	}
	jail.fds = fds;
	if (!code)
		code = spawn(q, conf, &jail, v, err);
	saved_close(&fds[0]);
	free(v);
	return code;
}

int qemu_fingerprint(const struct hv_conf *conf, struct buf *out, struct err *err)
{
	struct hv_conf same = { .name = "", .dir = "", .kernel = conf->kernel, .cmdline = conf->cmdline,
				.memory_mib = conf->memory_mib, .cpus = conf->cpus };
	bool kvm = hv_can_use_kvm();
	struct args args;
	struct stat st;
	int code;

	if (stat(QEMU_BINARY, &st) < 0)
		return err_sys(err, -errno, "%s", QEMU_BINARY);
	code = qemu_args_build(&same, kvm, false, &args);
	if (code)
		return err_sys(err, code, "%s", conf->name);
	buf_printf(out, "%s %lld bytes, %lld.%09ld, inode %llu, %s\n", hv_qemu.name,
		   (long long)st.st_size, (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
		   (unsigned long long)st.st_ino, kvm ? "kvm" : "tcg");
	for (unsigned i = 0; i < args.count; i++)
		buf_printf(out, "%s\n", args.argv[i]);
	args_free(&args);
	return out->bad ? err_sys(err, -ENOMEM, "%s", conf->name) : 0;
}
