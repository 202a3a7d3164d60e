/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/options_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
	"Usage: weft-vmm --kernel FILE [OPTION]...\n"
	"\n"
	"Runs one guest on /dev/kvm until it ends. Sockets are Unix sockets.\n"
	"\n"
	"  --name NAME          what people call it\n"
	"  --kernel FILE        bzImage, or ELF with a PVH entry\n"
	"  --initrd FILE\n"
	"  --kvm FILE           default /dev/kvm. These three may be descriptors: fd:N\n"
	"  --from DIR           instead of a kernel: goes on from the machine whose state and ram\n"
	"                       the command save wrote there, with its memory and CPUs, and\n"
	"                       devices that it did not have\n"
	"  --from-fds S,R       the same by descriptors of its state and of its memory, which is\n"
	"                       shared and copied on write if it is a sealed memfd; R may be left\n"
	"                       out\n"
	"  --cmdline TEXT       the kernel's parameters\n"
	"  --memory MIB         default 256\n"
	"  --huge-pages         memory that is shared by vhost-user is of the host's pages of 2 MiB\n"
	"                       (vm.nr_hugepages), of which enough have to be free\n"
	"  --cpus N             1 to 8, default 1\n"
	"  --console PATH       listens for a client of the serial console; - is the terminal\n"
	"  --console-log FILE   gets all that the guest says there, up to 16 MiB\n"
	"  --agent PATH         listens for a client of the port org.weft.agent\n"
	"  --net mac=MAC,WHERE[,mtu=N][,queues=N][,carrier=off]\n"
	"                       a NIC, with 1 to 8 pairs of queues; repeat for more. WHERE is one of\n"
	"                         local=PATH,peer=PATH  one frame a datagram, from local to peer\n"
	"                         tap=NAME              a tap interface of the host's\n"
	"                         tap-fds=N[:N]...      the same, opened already: one a pair\n"
	"                         vhost-user=PATH       the process that listens there\n"
	"  --disk FILE[,write|,forget|,overlay=FILE]\n"
	"                       a disk that is only read, or is written; or what is written goes\n"
	"                       to memory, and is lost at the end; or to another file; repeat for\n"
	"                       more\n"
	"  --balloon            a device by which the guest gives memory back, also free pages by\n"
	"                       itself\n"
	"  --rings split        virtqueues; packed, the default, offers both kinds\n"
	"  --gdb PATH           listens for gdb's \"target remote PATH\", which stops the guest\n"
	"  --control PATH       listens for commands, one JSON object a line: status, start, pause,\n"
	"                       resume, stop, carrier, console, save, dump,\n"
	"                       registers, balloon\n"
	"  --paused             waits for the command start\n"
	"  --help\n"
	"\n"
	"Exit status: 0 when the guest switched itself off, was reset or stopped; 3 when it said that it\n"
	"crashed; 1 when the machine could not start or go on.\n"
	"\n"
	"Example: weft-vmm --kernel vmlinuz --initrd initrd --cmdline console=ttyS0 --console -\n";

enum { NAME = 256, KERNEL, INITRD, KVM, CMDLINE, MEMORY, CPUS, CONSOLE, CONSOLE_LOG, AGENT, NET,
       DISK, BALLOON, HUGE_PAGES, RINGS, GDB, CONTROL, FROM, FROM_FDS, PAUSED, HELP };

static const struct option options[] = {
	{ "name", required_argument, NULL, NAME },
	{ "kernel", required_argument, NULL, KERNEL },
	{ "initrd", required_argument, NULL, INITRD },
	{ "kvm", required_argument, NULL, KVM },
	{ "cmdline", required_argument, NULL, CMDLINE },
	{ "memory", required_argument, NULL, MEMORY },
	{ "cpus", required_argument, NULL, CPUS },
	{ "console", required_argument, NULL, CONSOLE },
	{ "console-log", required_argument, NULL, CONSOLE_LOG },
	{ "agent", required_argument, NULL, AGENT },
	{ "net", required_argument, NULL, NET },
	{ "disk", required_argument, NULL, DISK },
	{ "balloon", no_argument, NULL, BALLOON },
	{ "huge-pages", no_argument, NULL, HUGE_PAGES },
	{ "rings", required_argument, NULL, RINGS },
	{ "gdb", required_argument, NULL, GDB },
	{ "control", required_argument, NULL, CONTROL },
	{ "from", required_argument, NULL, FROM },
	{ "from-fds", required_argument, NULL, FROM_FDS },
	{ "paused", no_argument, NULL, PAUSED },
	{ "help", no_argument, NULL, HELP },
	{ 0 },
};

/* A whole number up to max. */
static int number(const char *text, unsigned long max, unsigned long *out)
{
	char *end;

	errno = 0;
	*out = strtoul(text, &end, 10);
	return errno || *end || !*text || *text == '-' || *out > max ? -EINVAL : 0;
}

static int parse_mac(const char *text, uint8_t mac[6])
{
	char rest;

	return sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%c", &mac[0], &mac[1], &mac[2], &mac[3],
		      &mac[4], &mac[5], &rest) == 6 ? 0 : -EINVAL;
}

/* "5:6:7" */
static int parse_fds(const char *text, struct vmm_nic *nic)
{
	int used, fd;

	for (nic->tap_fd_count = 0; nic->tap_fd_count < VIRTIO_NET_PAIRS_MAX; text++) {
		if (sscanf(text, "%d%n", &fd, &used) != 1 || fd < 0)
			return -EINVAL;
		nic->tap_fds[nic->tap_fd_count++] = fd;
		text += used;
		if (*text != ':')
			return *text ? -EINVAL : 0;
	}
	return -EINVAL;
}

/* Where its frames go: one way, and whole. */
static int check_nic(struct vmm_nic *nic, bool mac, struct err *err)
{
	unsigned ways = (nic->local || nic->peer) + !!nic->tap + !!nic->tap_fd_count + !!nic->vhost_user;

	if (!mac || ways != 1 || !nic->local != !nic->peer)
		return err_set(err, -EINVAL, "--net needs mac, and one of local and peer, tap, tap-fds, "
			       "vhost-user");
	if (nic->tap_fd_count && nic->tap_fd_count != nic->pairs)
		return err_set(err, -EINVAL, "--net: queues=%u needs as many tap-fds", nic->pairs);
	return 0;
}

int options_nic(char *text, struct vmm_nic *out, struct err *err)
{
	enum { MAC, LOCAL, PEER, MTU, CARRIER, QUEUES, TAP, TAP_FDS, VHOST_USER };
	static char *const keys[] = { "mac", "local", "peer", "mtu", "carrier", "queues", "tap", "tap-fds",
				      "vhost-user", NULL };
	bool mac = false;
	char *value;

	*out = (struct vmm_nic){ .mtu = 1500, .carrier = true, .pairs = 1 };
	while (*text) {
		const char *word = text;
		int key = getsubopt(&text, keys, &value);
		unsigned long n;

		if (key < 0 || !value)
			return err_set(err, -EINVAL, "--net: \"%s\"; there are mac, local, peer, mtu, carrier, "
				       "queues, tap, tap-fds and vhost-user", key < 0 ? value : word);
		if (key == MAC && parse_mac(value, out->mac) == 0)
			mac = true;
		else if (key == LOCAL)
			out->local = value;
		else if (key == PEER)
			out->peer = value;
		else if (key == MTU && number(value, 65535, &n) == 0 && n >= 68)
			out->mtu = (uint16_t)n;
		else if (key == QUEUES && number(value, VIRTIO_NET_PAIRS_MAX, &n) == 0 && n)
			out->pairs = (unsigned)n;
		else if (key == TAP)
			out->tap = value;
		else if (key == TAP_FDS && parse_fds(value, out) == 0)
			continue;
		else if (key == VHOST_USER)
			out->vhost_user = value;
		else if (key == CARRIER && (!strcmp(value, "on") || !strcmp(value, "off")))
			out->carrier = value[1] == 'n';
		else
			return err_set(err, -EINVAL, "--net: %s=%s does not work", keys[key], value);
	}
	return check_nic(out, mac, err);
}

static int add_nic(struct vmm_conf *c, char *text, struct err *err)
{
	if (c->nic_count == VMM_NICS_MAX)
		return err_set(err, -EINVAL, "--net: more than %d NICs", VMM_NICS_MAX);
	return options_nic(text, &c->nic[c->nic_count++], err);
}

static int add_disk(struct vmm_conf *c, char *text, struct err *err)
{
	enum { WRITE, FORGET, OVERLAY };
	static char *const keys[] = { "write", "forget", "overlay", NULL };
	struct vmm_disk *d = &c->disk[c->disk_count];
	char *how = strchr(text, ','), *value;

	if (c->disk_count == VMM_DISKS_MAX)
		return err_set(err, -EINVAL, "--disk: more than %d disks", VMM_DISKS_MAX);
	*d = (struct vmm_disk){ .path = text };
	c->disk_count++;
	if (!how)
		return 0;
	*how++ = 0;
	switch (getsubopt(&how, keys, &value)) {
	case WRITE:
		d->write = true;
		break;
	case FORGET:
		d->forget = true;
		break;
	case OVERLAY:
		d->overlay = value;
		break;
	default:
		break;
	}
	if (*how || !(d->write || d->forget || d->overlay))
		return err_set(err, -EINVAL, "--disk %s: one of write, forget and overlay=FILE may "
			       "follow", text);
	return 0;
}

static int open_in(const char *dir, const char *name, struct err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_sys(err, -errno, "%s", path) : fd;
}

/* A saved machine; its descriptors are open until the end of the process. */
static int take_from(struct vmm_conf *c, const char *dir, struct err *err)
{
	c->from = true;
	c->state = open_in(dir, "state", err);
	c->ram = c->state < 0 ? -1 : open_in(dir, "ram", err);
	return c->state < 0 || c->ram < 0 ? -ENOENT : 0;
}

static int take_from_fds(struct vmm_conf *c, const char *text, struct err *err)
{
	int end = 0;

	c->from = true;
	if (sscanf(text, "%d%n", &c->state, &end) == 1 && c->state >= 0 && !text[end])
		return 0;
	if (sscanf(text, "%d,%d%n", &c->state, &c->ram, &end) == 2 && c->state >= 0 &&
	    c->ram >= 0 && !text[end])
		return 0;
	return err_set(err, -EINVAL, "--from-fds: one or two descriptors, not \"%s\"", text);
}

/* Where the value of an option goes that is a text and no more; else NULL. */
static const char **text_of(struct options *o, int option)
{
	switch (option) {
	case NAME:
		return &o->vmm.name;
	case KERNEL:
		return &o->vmm.kernel;
	case INITRD:
		return &o->vmm.initrd;
	case KVM:
		return &o->vmm.kvm;
	case CMDLINE:
		return &o->vmm.cmdline;
	case CONSOLE:
		return &o->vmm.console;
	case CONSOLE_LOG:
		return &o->vmm.console_log;
	case AGENT:
		return &o->vmm.agent;
	case GDB:
		return &o->vmm.gdb;
	case CONTROL:
		return &o->control;
	default:
		return NULL;
	}
}

static int take(struct options *o, int option, char *value, struct err *err)
{
	const char **text = text_of(o, option);
	struct vmm_conf *c = &o->vmm;
	unsigned long n = 0;
	int code = 0;

	if (text) {
		*text = value;
		return 0;
	}
	switch (option) {
	case MEMORY:
		code = number(value, VMM_MEMORY_MAX_MIB, &n);
		c->memory_mib = (unsigned)n;
		break;
	case CPUS:
		code = number(value, VMM_CPUS_MAX, &n);
		c->cpus = (unsigned)n;
		break;
	case NET:
		return add_nic(c, value, err);
	case DISK:
		return add_disk(c, value, err);
	case BALLOON:
		c->balloon = true;
		break;
	case HUGE_PAGES:
		c->huge_pages = true;
		break;
	case RINGS:
		if (strcmp(value, "split") != 0 && strcmp(value, "packed") != 0)
			return err_set(err, -EINVAL, "--rings: split or packed, not \"%s\"", value);
		c->split_rings = value[0] == 's';
		break;
	case FROM:
		return take_from(c, value, err);
	case FROM_FDS:
		return take_from_fds(c, value, err);
	default:
		o->paused = true;
		break;
	}
	return code ? err_set(err, code, "\"%s\" is not a number that works", value) : 0;
}

static int usage(const char *why)
{
	if (*why)
		fprintf(stderr, "weft-vmm: %s\n", why);
	fprintf(stderr, "Try \"weft-vmm --help\".\n");
	return 2;
}

int options_parse(int argc, char **argv, struct options *out)
{
	struct err err = { "" };
	int option;

	*out = (struct options){ .vmm = { .kvm = "/dev/kvm", .memory_mib = 256, .cpus = 1,
					  .state = -1, .ram = -1 } };
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == HELP)
			return fputs(help, stdout) < 0;
		if (option == '?')
			return usage("");
		if (take(out, option, optarg, &err) < 0)
			return usage(err.text);
	}
	if (optind < argc)
		return usage("arguments have names");
	if (!out->vmm.kernel != out->vmm.from)
		return usage("either --kernel or --from is needed");
	return OPTIONS_OK;
}
