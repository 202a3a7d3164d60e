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
	const char *peer;  /* path of the engine's datagram socket, or of the vhost-user socket */
	const char *local; /* relay: path the machine binds; must be inside dir */
};

struct hv_conf {
	const char *name;	/* for people and process titles: "red/r1" */
	const char *dir;	/* made by the backend if missing, owned by uid, holds its sockets:
				   agent.sock, console.sock, console.log, qmp.sock, machine.json */
	uid_t uid;		/* its own; the process runs as uid:uid */
	const char *kernel;	/* paths readable by root; the backend opens or copies them */
	const char *initrd;
	const char *cmdline;
	unsigned memory_mib;
	unsigned cpus;
	unsigned nic_count;
	const struct hv_nic *nics; /* order = PCI order */
};

enum hv_event {
	HV_RUNNING, /* powered on, control channel up */
	HV_STOPPED, /* the process has ended, for whatever reason; reason says which */
};

typedef void (*hv_event_cb)(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg);

/* A row of the explicit backend table in hv/hv.c. */
struct hv_backend {
	const char *name; /* "qemu" */
	int (*start)(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
		     struct hv_machine **out, struct err *err);
	int (*adopt)(struct event_base *base, const char *dir, hv_event_cb cb, void *arg,
		     struct hv_machine **out, struct err *err);
	void (*stop)(struct hv_machine *m);
	int (*set_carrier)(struct hv_machine *m, unsigned nic, bool up);
	pid_t (*pid)(const struct hv_machine *m);
	const char *(*accel)(const struct hv_machine *m); /* "kvm", "tcg" */
	void (*detach)(struct hv_machine *m);
};

/* First member of every backend's machine. */
struct hv_machine {
	const struct hv_backend *backend;
};

/* Starts a machine. conf is copied. Fails at once only for what can be known at once. */
int hv_start(struct event_base *base, const struct hv_conf *conf, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err);

/* Finds the machine that runs in dir (from machine.json: pid, start time, backend), reconnects.
 * -ENOENT: none runs there. HV_RUNNING follows as after a start. */
int hv_adopt(struct event_base *base, const char *dir, hv_event_cb cb, void *arg,
	     struct hv_machine **out, struct err *err);

/* Kills it now (routers have no disks to sync). HV_STOPPED follows. */
void hv_stop(struct hv_machine *m);

/* The NIC's carrier as the guest sees it. Queued until the control channel is up. */
int hv_set_carrier(struct hv_machine *m, unsigned nic, bool up);

pid_t hv_pid(const struct hv_machine *m);
const char *hv_accel(const struct hv_machine *m);

/* Frees the handle and leaves a running machine alone. After HV_STOPPED this is how to free. */
void hv_detach(struct hv_machine *m);

#endif
