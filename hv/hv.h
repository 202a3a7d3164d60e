/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_HV_H
#define HV_HV_H

/*
 * Machines. A backend runs one guest as one jailed process and is driven through this header
 * alone. A machine outlives the program that started it: hv_adopt() finds it again.
 *
 * Everything runs on the caller's libevent loop (control thread); nothing here blocks longer
 * than a local socket write. Callbacks come from the loop, never from inside a call.
 */

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct event_base;
struct hv_machine;

#define HV_PORTS_MAX 64

struct hv_nic {
	uint8_t mac[6];
	uint16_t mtu;
	bool carrier;	   /* at power-on */
	bool vhost_user;   /* else relay: AF_UNIX datagrams, one frame each */
	unsigned pairs;	   /* of queues, by vhost-user: up to 8; 0 is 1 */
	const char *peer;  /* path of the engine's datagram socket, or of the vhost-user socket */
	const char *local; /* relay: path the machine binds; must be inside dir */
};

struct hv_conf {
	const char *name;	/* for people and process titles: "red/r1" */
	const char *dir;	/* made by the backend if missing, owned by uid, holds its sockets:
				   agent.sock, console.sock, console.log, gdb.sock, machine.json */
	uid_t uid;		/* its own; the process runs as uid:uid */
	const char *kernel;	/* paths readable by root; the backend opens or copies them */
	const char *initrd;
	const char *cmdline;
	unsigned memory_mib;
	bool huge_pages; /* memory that is shared by vhost-user is of the host's huge pages */
	unsigned cpus;
	unsigned nic_count;
	const struct hv_nic *nics; /* order = PCI order */
	/* Directory of a saved machine to go on from; NULL: boots. Kernel, command line, memory and
	 * CPUs are those it was saved with (hv_fingerprint()); of a template NICs are new, and the
	 * guest finds them by a PCI rescan. Memory is shared with it and copied on write. */
	const char *from;
	/* A NIC before the others, by which the guest gets to no place but 169.254.251.2: that is 127.0.0.1 in
	 * the network namespace of the machine's process, see hv_listen(). QEMU only. */
	bool manage;
	bool paused; /* waits for hv_resume() before its first instruction */
};

enum hv_event {
	HV_RUNNING, /* control channel up and, with `from`, its state loaded */
	HV_STOPPED, /* the process has ended, for whatever reason; reason says which */
	HV_PAUSED,  /* hv_pause(): the guest stands still, its clocks and timers with it */
	HV_RESUMED, /* hv_resume(): it goes on */
	HV_SAVED,   /* hv_save() is done; the machine is still paused */
	HV_NOT_SAVED, /* reason says why; nothing is left of it; the machine is still paused */
};

typedef void (*hv_event_cb)(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg);

/* A row of the explicit backend table in hv/hv.c. */
struct hv_backend {
	const char *name; /* "weft-vmm", "qemu" */
	int (*start)(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
		     struct hv_machine **out, struct err *err);
	int (*adopt)(struct event_base *base, const char *dir, const char *from, hv_event_cb cb,
		     void *arg, struct hv_machine **out, struct err *err);
	void (*stop)(struct hv_machine *m);
	int (*set_carrier)(struct hv_machine *m, unsigned nic, bool up);
	int (*pause)(struct hv_machine *m);
	int (*resume)(struct hv_machine *m);
	int (*save)(struct hv_machine *m, const char *dir, bool as_template, struct err *err);
	int (*fingerprint)(const struct hv_conf *conf, struct buf *out, struct err *err);
	pid_t (*pid)(const struct hv_machine *m);
	const char *(*accel)(const struct hv_machine *m); /* "kvm", "tcg" */
	int64_t (*instant)(const struct hv_machine *m);
	void (*detach)(struct hv_machine *m);
};

/* First member of every backend's machine. */
struct hv_machine {
	const struct hv_backend *backend;
};

/*
 * Which backend new machines get. NULL: weft-vmm where there is KVM (hv_can_use_kvm()) and it has what
 * hv_conf asks for, else QEMU. A name: that one, with whatever /dev/kvm there is; hv_start() refuses
 * with -ENOTSUP what it lacks. A saved machine always goes on in the one that saved it. -EINVAL: there
 * is none of that name.
 */
int hv_use(const char *name, struct err *err);

/* Starts a machine. conf is copied. Fails at once only for what can be known at once. */
int hv_start(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err);

/* Finds the machine that runs in dir (from machine.json: pid, start time, backend), reconnects.
 * from: the saved machine that it may have started from, or NULL; when it did, hv_save() writes
 * only what differs. -ENOENT: none runs there. HV_RUNNING follows as after a start. A paused
 * machine stays paused, and one whose saving was cut off is paused. */
int hv_adopt(struct event_base *base, const char *dir, const char *from, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err);

/* Kills it now (routers have no disks to sync). HV_STOPPED follows. */
void hv_stop(struct hv_machine *m);

/* The NIC's carrier as the guest sees it. Queued until the control channel is up. */
int hv_set_carrier(struct hv_machine *m, unsigned nic, bool up);

/* Both are harmless when it is so already, and are queued until the control channel is up.
 * HV_PAUSED or HV_RESUMED follows, each time. */
int hv_pause(struct hv_machine *m);
int hv_resume(struct hv_machine *m);

/* A listening TCP socket at 127.0.0.1 of the network namespace of the machine's process, non-blocking and
 * close-on-exec. -EAGAIN: it has none yet. Of a machine with `manage`, once it runs (HV_RUNNING). */
int hv_listen(const struct hv_machine *m, uint16_t port, struct err *err);

/* When the guest last stood still or went on, by the backend's own reading; us since 1970. 0: never. */
int64_t hv_instant(const struct hv_machine *m);

/*
 * Writes a paused machine to the directory dir, which must not exist. It is complete or not there:
 * written beside as DIR.tmp-XXXXXX (which a crash may leave behind), flushed, renamed. HV_SAVED or
 * HV_NOT_SAVED follows; the loop is not held up. Once it was sent it must go on before it can be
 * saved again. -EBUSY: it is being saved; -EEXIST; -ENOTSUP: a NIC is attached by vhost-user.
 *
 * as_template: all memory goes into DIR/ram, which machines started from dir share. Otherwise only
 * what differs from the saved machine this one started from is written, and DIR/ram is a hard link
 * to that one's: dir goes on working when that one is deleted.
 */
int hv_save(struct hv_machine *m, const char *dir, bool as_template, struct err *err);

/* Appends, as text, all that must be the same for a saved machine to work in another: backend and
 * its build, accelerator, arguments, memory, CPUs. NICs, names and directories are not in it.
 * weft-vmm: and the host's kernel. -ENOTSUP: the backend is not there. */
int hv_fingerprint(const struct hv_conf *conf, struct buf *out, struct err *err);

/* The processor has VT-x or SVM, and /dev/kvm opens. */
bool hv_can_use_kvm(void);

pid_t hv_pid(const struct hv_machine *m);
const char *hv_name(const struct hv_machine *m); /* of its backend */
const char *hv_accel(const struct hv_machine *m);

/* Frees the handle and leaves a running machine alone. After HV_STOPPED this is how to free. */
void hv_detach(struct hv_machine *m);

#endif
