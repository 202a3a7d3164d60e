/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_NETNS_H
#define CONTROL_NETNS_H

/*
 * Network namespaces and the few kernel objects weftd makes in them. Namespaces are named as
 * `ip netns` names them (/run/netns/NAME), so that its commands work on them too.
 *
 * weftd has one thread, so it enters a namespace, does what is to be done, and comes back.
 */

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * -EEXIST when it is there already. Brings lo up. uid not 0: it belongs to a user namespace of its own,
 * in which root is that uid of the system and nobody else is there (user_namespaces(7)). Who is root
 * there may do to this network what he likes, and to the system what that uid may, which is nothing.
 */
int netns_create(const char *name, uid_t uid, struct err *err);
/* A descriptor of the user namespace that ns, one of a network namespace, belongs to; -1: to weftd's
 * own. */
int netns_user(int ns, int *user);
/* Whether it is there and belongs to another one. */
bool netns_is_confined(const char *name);
/* Kills all that runs as uid, wherever it is. */
void netns_kill_user(uid_t uid);
/* Kills what runs in it and removes it; missing is fine. */
int netns_destroy(const char *name, struct err *err);
bool netns_exists(const char *name);
ino_t netns_inode(const char *name); /* which is its own for as long as it lives; 0: it is missing */

/* Enters; returns a descriptor for netns_leave(), or -errno. */
int netns_enter(const char *name, struct err *err);
void netns_leave(int back);

/*
 * A tap device in the namespace: made (persistent, up, with MAC and MTU) or, when it exists,
 * opened. Without offloads: the kernel finishes checksums and segments before a frame leaves.
 * Returns the descriptor or -errno.
 */
int netns_tap(const char *ns, const char *ifname, const uint8_t mac[6], uint16_t mtu,
	      struct err *err);
/* Gives a tap that is there another MAC and MTU; it keeps its addresses. */
int netns_tap_change(const char *ns, const char *ifname, const uint8_t mac[6], uint16_t mtu,
		     struct err *err);
/* Removes it; missing is fine. */
int netns_tap_del(const char *ns, const char *ifname, struct err *err);
/* A socket of rtnetlink in the namespace, that does not block and hears of its interfaces; or -errno. */
int netns_link_news(const char *ns, struct err *err);
/* The carrier that programs in the namespace see. */
int netns_tap_carrier(const char *ns, const char *ifname, bool up, struct err *err);

/*
 * The engine's end of a relay: a datagram socket bound to path (owned by uid, so that this
 * machine alone may send to it) and connected to peer (so that it alone is heard).
 * -EAGAIN: peer is not there yet. Returns the descriptor or -errno.
 */
int relay_socket(const char *path, uid_t uid, const char *peer, struct err *err);

#endif
