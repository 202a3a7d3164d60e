/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_STORE_H
#define CONTROL_STORE_H

/*
 * The desired state, in SQLite: which vnets there shall be (the topology and its files as the
 * user gave them), which links are switched off, have risen, or do what an
 * operator has set, what is on guests' NICs, and the ids by which the engine knows things. Ids outlive a restart of weftd, so that an engine that went on forwarding is recognised.
 */

#include "base/buf.h"
#include "base/err.h"
#include "control/nics.h"
#include "control/quota.h"
#include "control/user.h"

#include <stdbool.h>
#include <stdint.h>

struct store;

/* A change fails with -ENOSPC when the disk is full, else with -EIO. Some blocks of the disk are
 * reserved, so that small changes go on for a while where the file system can do that. */
int store_open(const char *path, struct store **out, struct err *err);
void store_close(struct store *s); /* NULL allowed */

/* Why the last change could not be written; NULL: it was. */
const char *store_trouble(const struct store *s);
/* cb is called when a change could not be written (once, until one can) and when one could be again
 * (trouble: NULL). cb NULL: nobody is told. */
void store_on_trouble(struct store *s, void (*cb)(void *arg, const char *trouble), void *arg);

/* files is JSON text: {"path": "base64", ...}. */
int store_vnet_put(struct store *s, uint32_t id, const char *name, const char *file,
		   const char *topology, const char *files, struct err *err);

/* Several changes as one: between begin and commit or rollback. */
int store_begin(struct store *s, struct err *err);
int store_commit(struct store *s, struct err *err); /* rolled back when it fails */
void store_rollback(struct store *s);

/* From now on the vnet is only to be ended, whatever happens to this weftd. name NULL: all. */
int store_vnet_end(struct store *s, const char *name, struct err *err);
/* Forgets the vnets that are to be ended. */
int store_vnet_forget_ending(struct store *s, struct err *err);
/* Whether there is a vnet of that name (NULL: any), also one that could not be restored. */
bool store_vnet_has(struct store *s, const char *name);

struct store_vnet {
	uint32_t id;
	const char *name, *file, *topology, *files; /* valid during the callback */
	uint32_t owner; /* of a new one: a user, or 0 */
};
int store_vnet_each(struct store *s, void (*cb)(void *arg, const struct store_vnet *v), void *arg,
		    struct err *err);

enum store_kind { STORE_VNET = 1, STORE_NODE, STORE_PORT, STORE_LINK, STORE_FIB };

/* The id of what `name` names in the vnet (0 for vnets themselves), made on first use. Unique
 * per kind over all vnets, and never given again: a guest that is still ending keeps its user and
 * directory to itself. 0 on failure. */
uint32_t store_id(struct store *s, enum store_kind kind, uint32_t vnet, const char *name);
/* Whether something has the id; true when in doubt. */
bool store_id_has(struct store *s, enum store_kind kind, uint32_t id);
void store_id_del(struct store *s, enum store_kind kind, uint32_t vnet, const char *name);

/* Whether a vnet's guests run, stand still or are saved on disk. Forgotten with the vnet. */
enum store_mode { STORE_RUNNING, STORE_PAUSED, STORE_HIBERNATED };
int store_mode_set(struct store *s, uint32_t vnet, enum store_mode mode, struct err *err);
enum store_mode store_mode(struct store *s, uint32_t vnet);
/* Whether the node is of a hibernated vnet; true when in doubt. */
bool store_node_hibernates(struct store *s, uint32_t node);

/* What is remembered of a link, which is "r1:eth1,r2:eth1", the lesser end first (struct link.key). */
enum store_link {
	STORE_LINK_DOWN,  /* an operator has taken it down */
	STORE_LINK_RISEN, /* its ends were ready once */
};
int store_link_set(struct store *s, enum store_link what, uint32_t vnet, const char *link, bool is,
		   struct err *err);
bool store_link_is(struct store *s, enum store_link what, uint32_t vnet, const char *link);

/* What an operator has set of what an end (way: 0 or 1) of a link sends, as text; NULL: nothing. The
 * one that is returned is the caller's. Forgotten with the vnet. */
int store_link_impair_put(struct store *s, uint32_t vnet, const char *link, int way,
			  const char *impair, struct err *err);
char *store_link_impair(struct store *s, uint32_t vnet, const char *link, int way);

/* What a new weftd cannot see of a guest that it adopts. Forgotten with the vnet. */
struct store_guest {
	uint64_t boot_ms; /* 0: not ready yet */
	uint32_t restarts;
	bool clone;
	char cold_why[200]; /* vrouter_info.cold_why */
};
int store_guest_put(struct store *s, uint32_t vnet, const char *node, const struct store_guest *g,
		    struct err *err);
struct store_guest store_guest_get(struct store *s, uint32_t vnet, const char *node);

/* What is on which of its machine's NICs. Forgotten with the vnet. */
int store_nics_put(struct store *s, uint32_t vnet, const char *node, const struct nics *nics,
		   struct err *err);
void store_nics_del(struct store *s, uint32_t vnet, const char *node);
bool store_nics_get(struct store *s, uint32_t vnet, const char *node, struct nics *out); /* false: none */

/* The /etc/machine-id of all guests that the node ever has, made on first use. Forgotten with the
 * vnet. */
int store_machine_id(struct store *s, uint32_t vnet, const char *node, uint8_t id[16],
		     struct err *err);

/* A user of the API. The id is never given again. */
struct store_user {
	uint32_t id;
	char name[USER_NAME_MAX];
	char hash[USER_HASH_MAX]; /* of the token */
	struct quota quota;
};
/* By name, in the order of names. */
int store_user_each(struct store *s, void (*cb)(void *arg, const struct store_user *u), void *arg,
		    struct err *err);
bool store_user_by_name(struct store *s, const char *name, struct store_user *out);
bool store_user_by_id(struct store *s, uint32_t id, struct store_user *out);
/* New, or with another token and other quotas; the id is not looked at. */
int store_user_put(struct store *s, const struct store_user *u, struct err *err);
int store_user_del(struct store *s, uint32_t id, struct err *err);

/* Whose a vnet is; 0: the operator's. Forgotten with the vnet. */
int store_owner_put(struct store *s, uint32_t vnet, uint32_t user, struct err *err);
uint32_t store_owner(struct store *s, uint32_t vnet);
/* The same of the vnet of that name, also one that could not be restored; false: there is none. */
bool store_vnet_owner(struct store *s, const char *name, uint32_t *user);
/* Whether any vnet is the user's. */
bool store_owner_has(struct store *s, uint32_t user);

/* Small numbers that must survive: the epoch of next-hop ids, huge pages added. 0 when absent. */
int64_t store_number(struct store *s, const char *name);
int store_number_set(struct store *s, const char *name, int64_t value, struct err *err);

#endif
