/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_VERIFY_H
#define VROUTER_VERIFY_H

/*
 * What three who should agree have of a router's routes, side by side: the guest's kernel (by an
 * intake that was fed with a dump of it), the intake, and the FIB. Routes change while they are
 * looked at, so the views are taken several times, and what differs counts only if every take had
 * it, and the same: views catch up with each other, a real difference stays.
 *
 * What the intake is unsure of (intake_reason.c) the guest forwards, whatever its kernel has; that is
 * no difference as long as it is punted, or what is forwarded is the same.
 */

#include "vrouter/intake.h"

enum verify_view { VERIFY_KERNEL, VERIFY_INTAKE, VERIFY_FIB, VERIFY_VIEWS };

struct verify_hop {
	enum intake_nh_kind kind; /* INTAKE_NH_ADJ; of a group's member also INTAKE_NH_PUNT */
	unsigned port;
	uint8_t mac[6];
};

struct verify_nh {
	enum intake_nh_kind kind;
	unsigned hop_count; /* of an ADJ one, of a GROUP its members, sorted; else 0 */
	const struct verify_hop *hops;
};

struct verify_difference {
	uint32_t table;
	struct intake_prefix prefix;
	const struct verify_nh *nhs[VERIFY_VIEWS]; /* NULL: nothing in its FIB */
	bool routes; /* the kernel and the intake have other routes of it, whatever comes of them */
};

struct verify;

int verify_create(struct verify **out);
void verify_destroy(struct verify *v); /* NULL allowed */

/*
 * A take: verify_begin(), then the views in any order, then verify_end(). -ENOMEM from these spoils
 * the take, and sticks until the next. A kernel that was not told is not compared.
 */
void verify_begin(struct verify *v);
void verify_add_intake(struct verify *v, enum verify_view view, const struct intake *in);
/* A route of the FIB; nh with hops if it has members. */
void verify_add_fib(struct verify *v, uint32_t table, const struct intake_prefix *p,
		    const struct intake_nh *nh);
int verify_end(struct verify *v);

struct verify_sum {
	unsigned takes;
	size_t routes[VERIFY_VIEWS]; /* in FIBs, in the last take */
	size_t differences; /* that all takes had */
	size_t changing;    /* other differences of the last take */
};
void verify_sum(const struct verify *v, struct verify_sum *out);

/* Of each table, in which all agree: prefixes of routes of which no FIB has anything. 32 tables at most. */
void verify_each_left_out(const struct verify *v,
			  void (*cb)(void *arg, uint32_t table, size_t prefixes), void *arg);

/* The first `most` of those that all takes had, by table and prefix. */
void verify_each(const struct verify *v, size_t most,
		 void (*cb)(void *arg, const struct verify_difference *d), void *arg);

#endif
