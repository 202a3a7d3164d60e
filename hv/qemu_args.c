/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qemu_priv.h"

#include "base/buf.h"
#include "base/sock.h"
#include "hv/machine_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
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

/* An object of its own in every case: then the memory has one name in all machines' saved state. */
static void add_memory(struct args *a, const struct hv_conf *conf, bool mapped)
{
	args_add(a, "-m");
	args_add(a, "%u", conf->memory_mib);
	args_add(a, "-object");
	if (machine_vhost_user(conf)) /* the engine maps it; else it stays private */
		args_add(a, "memory-backend-memfd,id=" QEMU_RAM ",size=%uM,share=on%s", conf->memory_mib,
			 conf->huge_pages ? ",hugetlb=on,hugetlbsize=2M" : "");
	else if (mapped)
		args_add(a, "memory-backend-file,id=" QEMU_RAM ",size=%uM,mem-path=/fd/%d,share=off",
		    conf->memory_mib, QEMU_RAM_FD);
	else
		args_add(a, "memory-backend-ram,id=" QEMU_RAM ",size=%uM", conf->memory_mib);
}

/* A saved machine starts by itself once it is loaded, unless it is to be paused, whatever it did
 * when it was saved; and nobody needs to be told where it is now. */
static void add_migration(struct args *a, const struct hv_conf *conf)
{
	static const char *const globals[] = { "store-global-state=off", "x-events=on",
					       "x-max-bandwidth=1099511627776", "announce-rounds=0" };

	for (size_t i = 0; i < sizeof(globals) / sizeof(globals[0]); i++) {
		args_add(a, "-global");
		args_add(a, "migration.%s", globals[i]);
	}
	if (conf->from) {
		args_add(a, "-incoming");
		args_add(a, "fd:%d", QEMU_STATE_FD);
	}
	if (conf->paused)
		args_add(a, "-S");
}

static void add_machine(struct args *a, const struct hv_conf *conf, bool kvm)
{
	char name[ESC_MAX];

	args_add(a, "-name");
	args_add(a, "guest=%s,debug-threads=on", esc(name, conf->name));
	args_add(a, "-nodefaults");
	args_add(a, "-no-user-config");
	args_add(a, "-display");
	args_add(a, "none");
	args_add(a, "-no-reboot");
	args_add(a, "-sandbox");
	args_add(a, "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
	args_add(a, "-machine");
	args_add(a, "pc-q35-7.2,usb=off,vmport=off,smbus=off,sata=off,graphics=off,hpet=on,"
	       "dump-guest-core=off,memory-backend=" QEMU_RAM);
	args_add(a, "-accel");
	if (kvm)
		args_add(a, "kvm");
	else
		args_add(a, "tcg,thread=%s,tb-size=32", conf->cpus == 1 ? "single" : "multi");
	args_add(a, "-cpu");
	args_add(a, kvm ? "host" : "qemu64");
	args_add(a, "-smp");
	args_add(a, "%u", conf->cpus);
}

static void add_boot(struct args *a, const struct hv_conf *conf)
{
	if (!conf->kernel)
		return;
	args_add(a, "-kernel");
	args_add(a, QEMU_KERNEL);
	if (conf->initrd && !conf->from) {
		args_add(a, "-initrd");
		args_add(a, QEMU_INITRD);
	}
	if (conf->cmdline) {
		args_add(a, "-append");
		args_add(a, "%s", conf->cmdline);
	}
}

static void add_channels(struct args *a, const char *dir)
{
	char d[ESC_MAX];

	esc(d, dir);
	args_add(a, "-chardev");
	args_add(a, "socket,id=qmp,path=%s/qmp.sock,server=on,wait=off", d);
	args_add(a, "-mon");
	args_add(a, "chardev=qmp,mode=control");
	args_add(a, "-chardev");
	args_add(a, "socket,id=console,path=%s/console.sock,server=on,wait=off,logfile=%s/console.log", d, d);
	args_add(a, "-serial");
	args_add(a, "chardev:console");
	args_add(a, "-chardev");
	args_add(a, "socket,id=gdb,path=%s/gdb.sock,server=on,wait=off", d);
	args_add(a, "-gdb");
	args_add(a, "chardev:gdb");
	args_add(a, "-device");
	args_add(a, "virtio-serial-pci,id=vs,addr=1,max_ports=2,disable-legacy=on");
	args_add(a, "-chardev");
	args_add(a, "socket,id=agent,path=%s/agent.sock,server=on,wait=off", d);
	args_add(a, "-device");
	args_add(a, "virtserialport,bus=vs.0,nr=1,chardev=agent,name=org.weft.agent");
	args_add(a, "-device");
	args_add(a, "virtio-rng-pci,addr=2,disable-legacy=on");
}

/* Where the NIC is: its place among all of the machine's. */
static void add_place(char out[48], unsigned place)
{
	snprintf(out, 48, "addr=%x.%x%s", NIC_SLOT + place / 8, place % 8,
		 place % 8 ? "" : ",multifunction=on");
}

/* The user network reaches what QEMU reaches, which is in a network namespace with nothing but lo. */
static void add_manage(struct args *a)
{
	char place[48];

	add_place(place, 0);
	args_add(a, "-netdev");
	args_add(a, "user,id=manage,ipv6=off,net=169.254.251.0/24,host=169.254.251.2");
	args_add(a, "-device");
	args_add(a, "virtio-net-pci,id=manage,netdev=manage,mac=02:00:00:00:00:02,%s,romfile=,"
		 "disable-legacy=on", place);
}

static void add_nic(struct args *a, unsigned i, unsigned at, const struct hv_nic *nic, bool kvm)
{
	char peer[ESC_MAX], local[ESC_MAX], mtu[32] = "", queues[32] = "", vectors[32] = "", place[48];
	unsigned pairs = nic->pairs ? nic->pairs : 1;

	if (nic->vhost_user) {
		args_add(a, "-chardev");
		args_add(a, "socket,id=v%u,path=%s,reconnect=1", i, esc(peer, nic->peer));
		args_add(a, "-netdev");
		if (pairs > 1)
			snprintf(queues, sizeof(queues), ",queues=%u", pairs);
		args_add(a, "vhost-user,id=n%u,chardev=v%u%s", i, i, queues);
	} else {
		args_add(a, "-netdev");
		args_add(a, "dgram,id=n%u,local.type=unix,local.path=%s,remote.type=unix,remote.path=%s", i,
		    esc(local, nic->local), esc(peer, nic->peer));
	}
	if (nic->mtu && nic->mtu != 1500)
		snprintf(mtu, sizeof(mtu), ",host_mtu=%u", nic->mtu);
	/* One a queue, for the control queue and for changes. Without KVM, QEMU 7.2 crashes when virtio-net
	 * has MSI-X on vhost-user. */
	if (nic->vhost_user && (!kvm || pairs > 1))
		snprintf(vectors, sizeof(vectors), "%s,vectors=%u", pairs > 1 ? ",mq=on" : "",
			 kvm ? 2 * pairs + 2 : 0);
	add_place(place, at);
	args_add(a, "-device");
	args_add(a, "virtio-net-pci,id=nic%u,netdev=n%u,mac=%02x:%02x:%02x:%02x:%02x:%02x,%s,"
	       "romfile=,disable-legacy=on," NIC_OFFLOADS "%s%s",
	    i, i, nic->mac[0], nic->mac[1], nic->mac[2], nic->mac[3], nic->mac[4], nic->mac[5],
	    place, mtu, vectors);
}

int qemu_args_build(const struct hv_conf *conf, bool kvm, bool mapped, struct args *out)
{
	struct args a = { 0 };

	args_add(&a, "%s", QEMU_BINARY);
	add_machine(&a, conf, kvm);
	add_memory(&a, conf, mapped);
	add_migration(&a, conf);
	add_boot(&a, conf);
	add_channels(&a, conf->dir);
	if (conf->manage)
		add_manage(&a);
	for (unsigned i = 0; i < conf->nic_count; i++)
		add_nic(&a, i, i + conf->manage, &conf->nics[i], kvm);
	if (!a.argv)
		return -ENOMEM;
	*out = a;
	return 0;
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
