/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qemu_priv.h"

#include "base/buf.h"
#include "base/sock.h"
#include "hv/machine_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	LOG_MAX = 16 << 20, /* console.log */
	ESC_MAX = 2 * SOCK_PATH_MAX,
	NIC_SLOT = 3,	    /* NICs: functions 0-7 of the slots from here on */
};

/* Frames leave and reach the guest whole and with their checksums: the engine looks at them. */
#define NIC_OFFLOADS                                                                               \
	"csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,"            \
	"guest_ufo=off,host_tso4=off,host_tso6=off,host_ecn=off,host_ufo=off,"                    \
	"ctrl_guest_offloads=off"

/* In QEMU's option lists a comma is written twice. */
static const char *esc(char out[ESC_MAX], const char *text)
{
	size_t n = 0;

	for (; *text && n + 3 < ESC_MAX; text++) {
		out[n++] = *text;
		if (*text == ',')
			out[n++] = ',';
	}
	out[n] = 0;
	return out;
}

/* One argument; a failed allocation leaves args->argv NULL. */
static __attribute__((format(printf, 2, 3))) void add(struct qemu_args *args, const char *fmt, ...)
{
	char **argv, *text;
	va_list ap;
	int n;

	if (args->count && !args->argv)
		return;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	argv = n < 0 ? NULL : realloc(args->argv, (args->count + 2) * sizeof(*argv));
	if (!argv) {
		if (n >= 0)
			free(text);
		qemu_args_free(args);
		args->count = 1; /* and no argv: failed */
		return;
	}
	argv[args->count++] = text;
	argv[args->count] = NULL;
	args->argv = argv;
}

/* An object of its own in every case: then the memory has one name in all machines' saved state. */
static void add_memory(struct qemu_args *a, const struct hv_conf *conf, bool mapped)
{
	add(a, "-m");
	add(a, "%u", conf->memory_mib);
	add(a, "-object");
	if (machine_vhost_user(conf)) /* the engine maps it; else it stays private */
		add(a, "memory-backend-memfd,id=" QEMU_RAM ",size=%uM,share=on", conf->memory_mib);
	else if (mapped)
		add(a, "memory-backend-file,id=" QEMU_RAM ",size=%uM,mem-path=/fd/%d,share=off",
		    conf->memory_mib, QEMU_RAM_FD);
	else
		add(a, "memory-backend-ram,id=" QEMU_RAM ",size=%uM", conf->memory_mib);
}

/* A saved machine starts by itself once it is loaded, unless it is to be paused, whatever it did
 * when it was saved; and nobody needs to be told where it is now. */
static void add_migration(struct qemu_args *a, const struct hv_conf *conf)
{
	static const char *const globals[] = { "store-global-state=off", "x-events=on",
					       "x-max-bandwidth=1099511627776", "announce-rounds=0" };

	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
		add(a, "-global");
		add(a, "migration.%s", globals[i]);
	}
	if (conf->from) {
		add(a, "-incoming");
		add(a, "fd:%d", QEMU_STATE_FD);
	}
	if (conf->paused)
		add(a, "-S");
}

static void add_machine(struct qemu_args *a, const struct hv_conf *conf, bool kvm)
{
	char name[ESC_MAX];

	add(a, "-name");
	add(a, "guest=%s,debug-threads=on", esc(name, conf->name));
	add(a, "-nodefaults");
	add(a, "-no-user-config");
	add(a, "-display");
	add(a, "none");
	add(a, "-no-reboot");
	add(a, "-sandbox");
	add(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	add(a, "-machine");
	add(a, "pc-q35-7.2,usb=off,vmport=off,smbus=off,sata=off,graphics=off,hpet=on,"
	       "dump-guest-core=off,memory-backend=" QEMU_RAM);
	add(a, "-accel");
	if (kvm)
		add(a, "kvm");
	else
		add(a, "tcg,thread=%s,tb-size=32", conf->cpus == 1 ? "single" : "multi");
	add(a, "-cpu");
	add(a, kvm ? "host" : "qemu64");
	add(a, "-smp");
	add(a, "%u", conf->cpus);
}

static void add_boot(struct qemu_args *a, const struct hv_conf *conf)
{
	if (!conf->kernel)
		return;
	add(a, "-kernel");
	add(a, QEMU_KERNEL);
	if (conf->initrd && !conf->from) {
		add(a, "-initrd");
		add(a, QEMU_INITRD);
	}
	if (conf->cmdline) {
		add(a, "-append");
		add(a, "%s", conf->cmdline);
	}
}

static void add_channels(struct qemu_args *a, const char *dir)
{
	char d[ESC_MAX];

	esc(d, dir);
	add(a, "-chardev");
	add(a, "socket,id=qmp,path=%s/qmp.sock,server=on,wait=off", d);
	add(a, "-mon");
	add(a, "chardev=qmp,mode=control");
	add(a, "-chardev");
	add(a, "socket,id=console,path=%s/console.sock,server=on,wait=off,logfile=%s/console.log", d, d);
	add(a, "-serial");
	add(a, "chardev:console");
	add(a, "-device");
	add(a, "virtio-serial-pci,id=vs,addr=1,max_ports=2,disable-legacy=on");
	add(a, "-chardev");
	add(a, "socket,id=agent,path=%s/agent.sock,server=on,wait=off", d);
	add(a, "-device");
	add(a, "virtserialport,bus=vs.0,nr=1,chardev=agent,name=org.weft.agent");
	add(a, "-device");
	add(a, "virtio-rng-pci,addr=2,disable-legacy=on");
}

static void add_nic(struct qemu_args *a, unsigned i, const struct hv_nic *nic, bool kvm)
{
	char peer[ESC_MAX], local[ESC_MAX], mtu[32] = "";

	if (nic->vhost_user) {
		add(a, "-chardev");
		add(a, "socket,id=v%u,path=%s,reconnect=1", i, esc(peer, nic->peer));
		add(a, "-netdev");
		add(a, "vhost-user,id=n%u,chardev=v%u", i, i);
	} else {
		add(a, "-netdev");
		add(a, "dgram,id=n%u,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", i,
		    esc(local, nic->local), esc(peer, nic->peer));
	}
	if (nic->mtu && nic->mtu != 1500)
		snprintf(mtu, sizeof(mtu), ",host_mtu=%u", nic->mtu);
	add(a, "-device");
	/* Without KVM, QEMU 7.2 crashes when virtio-net has MSI-X on vhost-user: vectors=0. */
	add(a, "virtio-net-pci,id=nic%u,netdev=n%u,mac=%02x:%02x:%02x:%02x:%02x:%02x,addr=%x.%x%s,"
	       "romfile=,disable-legacy=on," NIC_OFFLOADS "%s%s",
	    i, i, nic->mac[0], nic->mac[1], nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5],
	    NIC_SLOT + i / 8, i % 8, i % 8 ? "" : ",multifunction=on", mtu,
	    nic->vhost_user && !kvm ? ",vectors=0" : "");
}

int qemu_args_build(const struct hv_conf *conf, bool kvm, bool mapped, struct qemu_args *out)
{
	struct qemu_args a = { 0 };

	add(&a, "%s", QEMU_BINARY);
	add_machine(&a, conf, kvm);
	add_memory(&a, conf, mapped);
	add_migration(&a, conf);
	add_boot(&a, conf);
	add_channels(&a, conf->dir);
	for (unsigned i = 0; i < conf->nic_count; i++)
		add_nic(&a, i, &conf->nics[i], kvm);
	if (!a.argv)
		return -ENOMEM;
	*out = a;
	return 0;
}

void qemu_args_free(struct qemu_args *args)
{
	for (unsigned i = 0; args->argv && i < args->count; i++)
		free(args->argv[i]);
	free(args->argv);
	*args = (struct qemu_args){ 0 };
}

bool qemu_cpu_has_vm(const char *cpuinfo)
{
	const char *p = strstr(cpuinfo, "\nflags"), *end;

	if (!p)
		return false;
	p++;
	end = p + strcspn(p, "\n");
	while (p < end) {
		size_t n = strcspn(p, " \t\n");

		if (n == 3 && (memcmp(p, "vmx", 3) == 0 || memcmp(p, "svm", 3) == 0))
			return true;
		p += n + 1;
	}
	return false;
}

uint64_t qemu_file_max(const struct hv_conf *conf)
{
	uint64_t memory = machine_vhost_user(conf) ? (uint64_t)conf->memory_mib << 20 : 0;

	return memory > LOG_MAX ? memory : LOG_MAX;
}
