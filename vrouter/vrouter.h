/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_VROUTER_H
#define VROUTER_VROUTER_H

/*
 * One vrouter's guest over its life: image + machine (hv) + agent session + route intake.
 * Runs on the caller's libevent loop. What it learns goes to the owner by callbacks, never from
 * inside a call.
 */

#include "base/err.h"
#include "hv/hv.h"
#include "vrouter/image.h"
#include "vrouter/intake.h"

struct event_base;
struct vrouter;

struct vrouter_conf {
	const char *name;   /* "red/r1" */
	const char *dir;    /* run directory of the guest */
	uid_t uid;
	const struct image *image;
	unsigned memory_mib, cpus;
	bool huge_pages; /* see hv_conf */
	struct image_guest guest; /* hostname, NICs, files, env */
	const struct hv_nic *nics; /* guest.nic_count of them, same order */
	uint32_t nh_base, max_routes; /* see intake_conf */
	const struct intake_sink *sink;
	/* See vrouter_set_nics(): these are what the guest was told, bit by bit; status not 0: it could
	 * not do it, and is told again when it has a new session. */
	void (*plugged)(void *arg, uint64_t nics, int status);
	void *sink_arg; /* of both */
	/* The engine may hold this router's routes of before (this guest is a restart, or weftd is):
	 * after a guest's restart its first dump waits until the daemons are ready and hold_ms have
	 * passed, so that forwarding goes on with the old routes meanwhile. */
	unsigned hold_ms;
	bool by_itself; /* it forwards all itself: its routes are not watched, and are always in step */
	/* The guest has no agent: its routes come by FPM, from 169.254.251.15 or what address it has by the NIC that
	 * the machine has before the others (hv_conf.manage). Nothing can be asked of it. */
	bool fpm;
	void (*fpm_is)(void *arg, bool up, const char *why); /* sink_arg; why NULL while it is up */
	bool cold; /* boots even where a clone of the image's template would do */
};

enum vrouter_state {
	VROUTER_STOPPED,
	VROUTER_BOOTING,     /* machine started */
	VROUTER_AGENT,	     /* agent answers; a clone gets its identity and configuration now */
	VROUTER_READY,	     /* daemons configured */
	VROUTER_FAILED,	     /* machine ended; reason in vrouter_info */
};

struct vrouter_info {
	enum vrouter_state state;
	char reason[256];
	uint64_t boot_ms;  /* from power-on to ready; 0: not yet */
	pid_t pid;
	const char *machine, *accel; /* see hv_name(), hv_accel() */
	unsigned restarts;
	bool fpm_up;	   /* of a guest with `fpm`: zebra is connected */
	bool synced;	   /* the FIB equals the guest's (first dump done) */
	bool clone;	   /* started from the image's template */
	bool again;	   /* it was a clone that cannot be this router; the next start boots */
	char cold_why[200]; /* why it is no clone: "512 MiB of memory, the template has 160"; "" */
};

/* What follows from vrouter_pause(), _resume(), _save() and _load(). */
enum vrouter_sleep {
	VROUTER_PAUSED,
	VROUTER_RESUMED,   /* its wall clock is being set */
	VROUTER_SAVED,
	VROUTER_NOT_SAVED, /* why; still paused, nothing is left of the saving */
	VROUTER_LOADED,	   /* runs from where it was saved, paused */
};
typedef void (*vrouter_sleep_cb)(struct vrouter *v, enum vrouter_sleep what, const char *why,
				 void *arg);

typedef void (*vrouter_state_cb)(struct vrouter *v, enum vrouter_state state, void *arg);

/* conf is deep-copied. Nothing is started. */
int vrouter_create(struct event_base *base, const struct vrouter_conf *conf, vrouter_state_cb cb,
		   void *arg, struct vrouter **out, struct err *err);

/* Starts it as a clone of the image's template; boots where that cannot be. */
int vrouter_start(struct vrouter *v, struct err *err);
/* Why this router is to boot whatever templates there are; NULL: it wants one. */
const char *vrouter_cold_why(struct vrouter *v);
/* Finds the running machine of dir; -ENOENT when there is none. */
int vrouter_adopt(struct vrouter *v, struct err *err);
/* Kills the machine; VROUTER_STOPPED follows. */
void vrouter_stop(struct vrouter *v);
void vrouter_set_carrier(struct vrouter *v, unsigned nic, bool up);

/*
 * Other NICs from the next start on, and for the running guest other ports on the NICs it has: count,
 * addresses and MTUs of `nics` are then those it was started with. The intake knows the new ports at
 * once; the guest is told of those in `changed` (bits), now or when it is ready, and plugged() follows.
 * All are copied. -ENOMEM: nothing has changed.
 */
int vrouter_set_nics(struct vrouter *v, unsigned count, const struct hv_nic *nics,
		     const struct image_nic *as, uint64_t changed);

/* For a guest with `fpm`: a frame that it was sent by the NIC, or has sent, of ARP or ND, its first bytes;
 * ms of CLOCK_MONOTONIC: when. Also such as were before this vrouter was, in their order. */
void vrouter_snooped(struct vrouter *v, unsigned nic, bool sent, const void *frame, size_t len, uint64_t ms);
/* Some were missed. */
void vrouter_snoop_missed(struct vrouter *v);

/* Sleep. cb as with vrouter_create()'s; a machine that ends comes by the state callback. */
void vrouter_on_sleep(struct vrouter *v, vrouter_sleep_cb cb, void *arg);
int vrouter_pause(struct vrouter *v); /* -ENOENT: no machine runs */
int vrouter_resume(struct vrouter *v);
/* When the guest last stood still or went on, us since 1970; 0: never. */
int64_t vrouter_instant(const struct vrouter *v);
/* hv_save() of a paused guest. */
int vrouter_save(struct vrouter *v, const char *dir, struct err *err);
/* Starts the machine saved in dir, paused. The intake stays as it is until the guest's first dump. */
int vrouter_load(struct vrouter *v, const char *dir, struct err *err);
/* Frees the handle; a running machine goes on (for a restart of weftd). NULL allowed. */
void vrouter_destroy(struct vrouter *v);

void vrouter_info(const struct vrouter *v, struct vrouter_info *out);
const struct intake *vrouter_intake(const struct vrouter *v);

/*
 * What the guest's kernel has now, by a dump that has nothing to do with the intake's session. done gets,
 * when the intake has everything that the kernel had changed until that dump, or some of what came after:
 * 0 and an intake_twin() that was fed with the dump and is done's to destroy; or -errno, NULL and why:
 * -EAGAIN: the intake has no stream of changes just now. The guest decides how long that takes.
 */
struct vrouter_look;
typedef void (*vrouter_look_cb)(void *arg, int status, struct intake *kernel, const char *why);
int vrouter_look(struct vrouter *v, vrouter_look_cb done, void *arg, struct vrouter_look **out,
		 struct err *err);
void vrouter_look_cancel(struct vrouter_look *l); /* no callback follows */

/* Commands in the guest. */
struct vrouter_exec_conf {
	const char *const *argv; /* NULL-terminated */
	const char *const *env;	 /* "K=V", NULL-terminated, may be NULL */
	bool want_stdin;
	/* stream: 1 stdout, 2 stderr */
	void (*output)(void *arg, int stream, const void *bytes, size_t len);
	/* status as AGENT_EXIT; -ECONNRESET when the guest went away. Last call. */
	void (*done)(void *arg, int status);
	void *arg;
};
struct vrouter_exec;

int vrouter_exec(struct vrouter *v, const struct vrouter_exec_conf *conf, struct vrouter_exec **out,
		 struct err *err);
void vrouter_exec_stdin(struct vrouter_exec *x, const void *bytes, size_t len); /* len 0: EOF */
/* Forgets the command (kills it in the guest); no more callbacks. */
void vrouter_exec_cancel(struct vrouter_exec *x);

#endif
