/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_MACHINE_PRIV_H
#define HV_MACHINE_PRIV_H

/*
 * What the machines of all backends are: a jailed process with a directory, the record of it, and an
 * owner who is told from the loop's top. A backend's machine has this as its first member.
 */

#include "base/sock.h"
#include "hv/hv.h"
#include "hv/ram_priv.h"
#include "hv/record_priv.h"
#include "hv/save_priv.h"

#include <sys/queue.h>

struct machine;

struct machine_ops {
	/* The process has ended; machine_over() once its last words were heard. */
	void (*process_ended)(struct machine *m);
	/* Why, in words for HV_STOPPED, as the machine itself has said; false: it has said nothing. */
	bool (*describe_end)(const struct machine *m, char *out, size_t size);
};

/* What the owner is to be told. */
struct news {
	STAILQ_ENTRY(news) link;
	enum hv_event ev;
	char reason[512];
};

/* What the owner asked for. Done one after the other, as soon as the control channel is up. */
enum wish_kind { WISH_PAUSE, WISH_RESUME, WISH_SAVE };

struct wish {
	STAILQ_ENTRY(wish) link;
	enum wish_kind kind;
	bool begun;
	bool as_template;
	char dir[PATH_MAX];
};

struct machine {
	struct hv_machine m; /* first */
	const struct machine_ops *ops;
	struct event_base *base;
	hv_event_cb cb;
	void *arg;
	char dir[SOCK_PATH_MAX];
	struct hv_record rec;
	struct proc *proc;
	struct event *notify;
	STAILQ_HEAD(, news) news;
	STAILQ_HEAD(, wish) wishes;
	struct ram *ram; /* that it shares, held for the next ones; NULL when adopted */
	int base_ram;	 /* file of the memory that it started from; -1: none, or not known */
	bool stop_asked, over;
	uint64_t oom_kills; /* of the whole host, when it began */
	int status; /* of the process: as waitpid(2), -1 when nobody knows, MACHINE_RUNS */
};

enum { MACHINE_RUNS = -2 };

/* m is zeroed. Fails with -ENOMEM; machine_fini() also then. */
int machine_init(struct machine *m, const struct hv_backend *backend, const struct machine_ops *ops,
		 struct event_base *base, const char *dir, hv_event_cb cb, void *arg);
void machine_fini(struct machine *m);

static inline bool machine_runs(const struct machine *m)
{
	return m->status == MACHINE_RUNS;
}

/* From the loop's top. reason may be NULL. */
void machine_tell(struct machine *m, enum hv_event ev, const char *reason);
/* HV_STOPPED follows, after what the owner is still to be told. */
void machine_over(struct machine *m);

/* machine_wish.c. The backend grants the first, and then the next; dir: NULL but for WISH_SAVE. */
int machine_wish(struct machine *m, enum wish_kind kind, const char *dir, bool as_template);
void machine_granted(struct machine *m, enum hv_event ev, const char *reason); /* the first */
bool machine_saves(const struct machine *m); /* or will */
/* tell: the owner that nothing is saved. */
void machine_drop_wishes(struct machine *m, bool tell);

/* machine_saved.c. Opens what it goes on from: its state, and in m the memory that it shares, if
 * any. */
int machine_open_saved(struct machine *m, const struct hv_conf *conf, int *state, struct err *err);
/* The memory that it started from, if `from` holds that. Without, it is saved whole. */
void machine_find_base(struct machine *m, const char *from);
/* -ENOTSUP, -EBUSY, -EEXIST: as hv_save(). */
int machine_may_save(const struct machine *m, const char *dir, struct err *err);
/* As save_start(), with m as the argument. */
int machine_save(struct machine *m, const struct wish *w, int source, save_take take,
		 save_done_cb done, struct save **out, struct err *err);

/* What can be said against conf whatever the backend: paths, uid, memory, NICs. -EINVAL. */
int machine_check(const struct hv_conf *conf, struct err *err);
/* Root may start it, and none runs in its directory. */
int machine_may_start(const struct hv_conf *conf, struct err *err);
/* Fills the record, but for what the process is. */
void machine_fill_record(struct machine *m, const struct hv_conf *conf);
/* m->rec.pid was started: watches it, writes the record. On failure it is killed. */
int machine_began(struct machine *m, const struct hv_conf *conf, struct err *err);
/* The machine that runs in dir; -ENOENT. */
int machine_find(const char *dir, struct hv_record *rec, struct err *err);
/* Watches what machine_find() has found. */
int machine_adopt(struct machine *m, const struct hv_record *rec, struct err *err);

/* The rows of struct hv_backend that are the same for all. */
void machine_stop(struct hv_machine *m);
pid_t machine_pid(const struct hv_machine *m);
const char *machine_accel(const struct hv_machine *m);

/* Whether a NIC is attached by vhost-user. */
bool machine_vhost_user(const struct hv_conf *conf);
/* Bytes of the largest file it may make: its log, or memory that is a file. */
uint64_t machine_file_max(unsigned memory_mib);

#endif
