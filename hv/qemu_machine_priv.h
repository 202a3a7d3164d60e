/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_QEMU_MACHINE_PRIV_H
#define HV_QEMU_MACHINE_PRIV_H

/*
 * A machine of the QEMU backend, as its parts see it: qemu.c starts, finds, ends it and tells its
 * owner; qemu_launch.c makes its process; qemu_control.c speaks to it.
 */

#include "hv/machine_priv.h"
#include "hv/qemu_save_priv.h"

#include <limits.h>
#include <sys/queue.h>

enum carrier { CARRIER_ASIS, CARRIER_DOWN, CARRIER_UP };

/* What the owner asked for. Done one after the other, as soon as the control channel is up. */
enum wish_kind { WISH_PAUSE, WISH_RESUME, WISH_SAVE };

struct wish {
	STAILQ_ENTRY(wish) link;
	enum wish_kind kind;
	bool begun;
	bool as_template;
	char dir[PATH_MAX];
};

struct qemu {
	struct machine m; /* first */
	struct ram *ram; /* that it shares, held for the next ones; NULL when adopted */
	int base_ram;	 /* file of the memory that it started from; -1: none, or not known */
	/* control */
	enum carrier carrier[HV_PORTS_MAX];
	struct event *dial; /* timer: connect to QMP */
	unsigned tries;
	struct bufferevent *bev;
	struct qmp *qmp;
	bool up, running_told, stands;
	int64_t instant;
	STAILQ_HEAD(, wish) wishes;
	struct save *save;
	bool sending;	   /* its state; the first wish is WISH_SAVE */
	char result[512];  /* of that: why not, or "" */
	char shutdown[32]; /* reason of QMP's SHUTDOWN event */
};

/* qemu_control.c */
int control_init(struct qemu *q);
void control_fini(struct qemu *q);
void control_connect(struct qemu *q); /* goes on trying */
void control_carrier(struct qemu *q, unsigned nic);
int control_wish(struct qemu *q, enum wish_kind kind, const char *dir, bool as_template);
bool control_saves(const struct qemu *q); /* or will */
void control_process_ended(struct machine *m);

/* qemu_launch.c: makes the directory, the command line and the jail, starts the process; fills
 * what of the record comes from there. */
int qemu_launch(struct qemu *q, const struct hv_conf *conf, struct err *err);
int qemu_fingerprint(const struct hv_conf *conf, struct buf *out, struct err *err);

#endif
