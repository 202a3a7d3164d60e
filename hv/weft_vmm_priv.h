/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_WEFT_VMM_PRIV_H
#define HV_WEFT_VMM_PRIV_H

/*
 * The weft-vmm backend: a machine is a jailed weft-vmm (hv/vmm), spoken to in lines of JSON.
 * weft_vmm.c starts, finds and ends it; weft_vmm_launch.c makes its process; weft_vmm_control.c
 * speaks to it.
 */

#include "hv/machine_priv.h"
#include "hv/weft_vmm_line_priv.h"

extern const struct hv_backend hv_weft_vmm;

enum weft_vmm_link { WEFT_VMM_LINK_ASIS, WEFT_VMM_LINK_DOWN, WEFT_VMM_LINK_UP };

/* What the owner asked for: a pause, else to go on. Done one after the other, once control is up. */
struct weft_vmm_wish {
	STAILQ_ENTRY(weft_vmm_wish) link;
	bool pause;
};

struct weft_vmm {
	struct machine m; /* first */
	/* control */
	enum weft_vmm_link nic[HV_PORTS_MAX];
	struct event *dial; /* timer: connect */
	unsigned tries;
	struct bufferevent *bev;
	bool up, running_told;
	int64_t id, asked; /* of the last command; of the one whose answer is awaited, 0: none */
	int64_t instant_us;
	STAILQ_HEAD(, weft_vmm_wish) wishes;
	struct weft_vmm_line end; /* its last words; kind is WEFT_VMM_ENDED if there were any */
};

/* weft_vmm_control.c */
int weft_vmm_control_init(struct weft_vmm *w);
void weft_vmm_control_fini(struct weft_vmm *w);
void weft_vmm_control_connect(struct weft_vmm *w); /* goes on trying */
void weft_vmm_control_carrier(struct weft_vmm *w, unsigned nic);
int weft_vmm_control_wish(struct weft_vmm *w, bool pause);
void weft_vmm_control_process_ended(struct machine *m);

/* weft_vmm_launch.c */
/* Whether weft-vmm can run conf: -ENOTSUP and what it lacks, or why it cannot be run here. */
int weft_vmm_can(const struct hv_conf *conf, struct err *err);
/* Makes the directory, the command line and the jail, starts the process; sets its pid. */
int weft_vmm_launch(struct weft_vmm *w, const struct hv_conf *conf, struct err *err);

#endif
