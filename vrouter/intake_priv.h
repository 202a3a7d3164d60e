/* SPDX-License-Identifier: Apache-2.0 */
#ifndef VROUTER_INTAKE_PRIV_H
#define VROUTER_INTAKE_PRIV_H

/*
 * Inside the intake. Three layers, each below the other:
 *
 *   intake_netlink.c, intake_rule.c, intake_attr.c   messages, parsed with bounds
 *   intake_mirror.c, intake_route.c   the mirror: what the guest's kernel has, and what the kernel
 *                                     deletes without saying so
 *   intake_resolve.c, intake_nh.c     the mirror's consequences, and their differences to the sink
 *
 * Routes hang at the nodes of one prefix trie per FIB and family (intake_trie.c). The trie of
 * main holds tables local, main and default together, told apart by rank; a VRF's holds its
 * table and a copy of local, because rule 0 comes before l3mdev. What routes share (next hops,
 * metric, type) is interned as struct info, so that resolving is per info and not per route.
 * A link-local address may be that of several links: in the trie its bytes 4 to 7, which are zero
 * (RFC 4291 2.5.6), hold the ifindex.
 */

#include "base/hash.h"
#include "base/rd.h"
#include "vrouter/intake.h"

#include <linux/if.h>
#include <string.h>

enum {
	LINKS_MAX = 4096,
	ADDRS_MAX = 65536,
	NEIGHS_MAX = 65536,
	OBJS_MAX = 65536,
	TABLES_MAX = 4096,
	RULES_MAX = 1024,
	CONFS_MAX = 16384,
	REASONS_MAX = 32,
	PATHS_MAX = 256,  /* next hops of one route or members of one group object */
	ALIASES_MAX = 512, /* routes of one prefix in one FIB: they are walked one by one */
	MEMBERS_MAX = 64, /* of an engine group, weights expanded */
};

enum { TABLE_DEFAULT = 253, TABLE_MAIN = 254, TABLE_LOCAL = 255 };
enum { RANK_LOCAL, RANK_MAIN, RANK_DEFAULT }; /* order of lookup inside one FIB */

/* Why something that could be transit is punted. */
enum why {
	WHY_NONE,
	WHY_NOT_PORT,  /* arg: ifindex */
	WHY_GUESTS,    /* arg: ifindex of a port whose traffic is the guest's */
	WHY_ENCAP,
	WHY_MTU,       /* arg: mtu */
	WHY_PORT_MTU,  /* arg: ifindex */
	WHY_PATHS,
	WHY_OBJECT,    /* arg: id */
	WHY_TYPE,      /* arg: rtm_type */
	WHY_EXPIRES,
	WHY_TOS,
	WHY_SOURCE,
	WHY_SIBLINGS,
	WHY_SHADOWED,
	WHY_LOST,
	WHY_DEAD,      /* arg: ifindex */
};

struct addr_key { /* neighbours, next hops by gateway, addresses */
	uint32_t ifindex;
	uint8_t family, len, pad[2];
	uint8_t addr[16];
};

struct link {
	uint32_t ifindex, flags, master, vrf_table, mtu;
	uint16_t type; /* ARPHRD_* */
	uint8_t mac[6], perm[6];
	bool has_perm;
	bool dead4; /* it is up, but the kernel may hold IPv4 next hops over it as dead */
	char kind[16], name[IFNAMSIZ];
	uint8_t gen;
	int port;	/* index or -1 */
	uint32_t table; /* of a port: its FIB; 0: the guest's business */
};

struct neigh {
	struct addr_key key;
	uint8_t mac[6];
	bool usable;
	uint8_t gen;
	struct node *node; /* its host route, while its link is a port with a FIB */
};

struct path {
	uint32_t ifindex;
	uint16_t weight;
	uint8_t family; /* of the gateway: 0 (on-link), 4, 6 */
	uint8_t encap;
	uint8_t gw[16];
	uint32_t rest; /* what else tells the kernel two apart (fib_nh_match, rt6_duplicate_nexthop) */
};

struct obj { /* next-hop object */
	uint32_t id;
	uint8_t gen;
	bool blackhole, encap;
	struct path path;
	unsigned member_count; /* a group when not 0 */
	struct obj_member {
		uint32_t id;
		uint32_t weight;
	} members[];
};

#define INFO_EXPIRES 1u
#define INFO_NO_ECMP 2u /* IPv6: never a sibling (RA) */
#define INFO_PREF    4u /* IPv6: preferred to others of its metric, or these to it */

struct info_key {
	uint8_t family, type, tos, flags;
	uint32_t metric, nhid, prefsrc, mtu, source; /* source: hash of RTA_SRC, 0 none */
	uint32_t scope;
	uint32_t rest; /* IPv4: what else tells the kernel two routes apart */
	uint32_t path_count;
};

struct info {
	struct info *same; /* of one hash */
	uint64_t hash;
	uint32_t refs, epoch;
	struct nh *nh; /* as of epoch */
	uint32_t arg, onlink; /* onlink: ifindex of the port it is directly connected to */
	uint8_t why;
	struct info_key key;
	struct path paths[];
};

struct alias { /* one route of a prefix */
	struct alias *next; /* by rank, metric, then as the kernel has them */
	struct info *info;
	uint32_t stamp; /* of the last event when it was told, see intake_flush.c */
	uint8_t rank, gen, fate;
	bool lost; /* nobody knows whether the kernel still has it */
};

#define NODE_V6	   1u
#define NODE_DIRTY 2u
#define NODE_WEAK  4u /* what it gets depends on shorter main routes */

struct node {
	struct node *child[2], *parent;
	struct alias *routes;
	struct nh *nh;	/* as programmed; NULL: not */
	uint32_t below; /* weak nodes in this subtree */
	uint16_t table; /* index into intake.tables */
	uint16_t neighs;
	uint8_t len, flags, why, pad;
	uint8_t addr[]; /* 4 or 16 */
};

struct table {
	uint32_t id;
	struct node *root[2]; /* IPv4, IPv6 */
	bool fib, fib_sent;
	bool all; /* every node is to be looked at */
};

struct nh {
	uint32_t id;
	enum intake_nh_kind kind;
	uint32_t refs;
	bool dead, dirty;
	struct addr_key via; /* ifindex 0: not by gateway */
	unsigned port;
	uint8_t mac[6];
	struct nh *same; /* groups of one hash */
	uint64_t hash;
	unsigned member_count;
	struct nh *members[];
};

struct rule {
	uint8_t family, gen;
	bool plain; /* no selector, looks a table up */
	bool l3mdev;
	uint32_t pref, table;
	uint64_t hash;
	char text[128];
};

struct conf { /* netconf of an interface */
	int forwarding, rp_filter; /* -1: not told */
	uint8_t gen;
};

struct vec {
	void **v;
	size_t n, cap;
};

struct port_state {
	uint32_t ifindex; /* 0: none */
	uint32_t table;
	bool up, fwd4, fwd6, sent;
};

struct intake {
	struct intake_sink sink;
	void *arg;
	unsigned port_count;
	struct intake_port *ports;
	struct port_state *port_states;
	uint32_t nh_last, max_routes, epoch;
	uint8_t gen;
	bool fpm, dumping, synced, links_dirty, any_sent;
	struct intake_stats stats;
	uint32_t aliases, fib_routes; /* both up to max_routes */
	struct hash_map *links, *addrs, *neighs, *objs, *obj_uses, *confs, *infos, *table_ids;
	struct hash_map *vias, *groups, *events;
	uint32_t stamp;
	bool events_lost;
	struct table *tables[TABLES_MAX];
	struct rule *rules;
	unsigned rule_count;
	bool rules_seen[2], rules_full, routes_full[2];
	bool rank_default[2];
	uint32_t forward;
	bool punt[2], node_sent;
	struct nh *nh_punt, *nh_drop, *nh_local;
	struct nh **nh_ports; /* nh_local under its id, by port: for link-local addresses */
	struct vec dirty, dead_nhs, dirty_nhs;
	size_t dirty_limit;
	/* intake_fpm.c */
	struct hash_map *connected, *connected_objs;
	bool connected_dirty;
	char wrong[160]; /* how the guest's interfaces are other ones than is believed; "" */
};

/* intake_trie.c */
int vec_push(struct vec *v, void *p);
struct node *trie_get(struct intake *in, struct table *t, bool v6, const uint8_t *addr,
		      unsigned len);
struct node *trie_find(const struct table *t, bool v6, const uint8_t *addr, unsigned len);
struct node *trie_next(const struct node *n, const struct node *top);
struct node *trie_skip(const struct node *n, const struct node *top);
void trie_weaken(struct node *n);
void trie_prune(struct intake *in, struct node *n);
void trie_free(struct node *root);
unsigned trie_table_index(const struct intake *in, const struct table *t);
void nodes_shrink(struct intake *in);
void node_dirty(struct intake *in, struct node *n);
void link_local_zone(uint8_t addr[16], uint32_t ifindex);
uint32_t node_zone(const struct node *n); /* the ifindex of a link-local address; 0: it is none */
/* As the sink is told it; nh: what is or was programmed there, NULL allowed. */
void node_prefix(const struct node *n, const struct nh *nh, struct intake_prefix *p);

/* intake_attr.c */
#define ATTRS_MAX 72
struct attrs {
	struct rd at[ATTRS_MAX]; /* p NULL: absent */
	bool unknown;		 /* some type above ATTRS_MAX */
};
int family_of(uint8_t af); /* 4, 6; 0: another */
unsigned bytes_of(unsigned family); /* an address of it has */
bool attrs_parse(struct rd r, struct attrs *a);
bool attr_u32(const struct attrs *a, unsigned type, uint32_t *out);
bool attr_mac(const struct attrs *a, unsigned type, uint8_t mac[6]);
void attr_text(const struct attrs *a, unsigned type, char *to, size_t size); /* cut to fit; empty if there is none */
/* An address of `family` (4 or 6); the rest of to[16] is zeroed. */
bool attr_ip(const struct attrs *a, unsigned type, unsigned family, uint8_t to[16]);

/* intake_rule.c */
bool rule_message(struct intake *in, struct rd r, bool add);
void rules_sweep(struct intake *in);
/* NULL: rules are such that FIBs can stand for them; else what is in the way, in `text`. */
const char *rules_in_the_way(const struct intake *in, bool v6, char *text, size_t size);
void rules_apply(struct intake *in);

/* intake_mirror.c */
struct link *link_find(const struct intake *in, uint32_t ifindex);
void mirror_link(struct intake *in, const struct link *l);
void mirror_link_del(struct intake *in, uint32_t ifindex);
void mirror_addr(struct intake *in, const struct addr_key *k, bool add);
void mirror_neigh(struct intake *in, const struct addr_key *k, const uint8_t *mac, bool usable);
void mirror_neigh_del(struct intake *in, const struct addr_key *k);
void mirror_neigh_place(struct intake *in, struct neigh *n);
void mirror_conf(struct intake *in, uint8_t family, uint32_t ifindex, const struct conf *c);
const struct conf *conf_find(const struct intake *in, uint8_t family, uint32_t ifindex);
uint8_t mirror_conf_family(const void *key); /* of in->confs */
void mirror_addrs_again(struct intake *in, uint8_t family); /* see intake_again.c */
void mirror_sweep(struct intake *in);
void mirror_fini(struct intake *in);

/* intake_object.c */
void mirror_obj(struct intake *in, struct obj *o); /* takes o */
void mirror_obj_del(struct intake *in, uint32_t id);
void objs_flush_link(struct intake *in, uint32_t ifindex);
void objs_sweep(struct intake *in);
void obj_use(struct intake *in, uint32_t id, int by);
struct obj *obj_find(const struct intake *in, uint32_t id);

/* intake_route.c */
struct route { /* one parsed message */
	uint32_t table;
	uint8_t len, addr[16];
	struct info_key key;
	struct path paths[PATHS_MAX];
};
struct table *table_get(struct intake *in, uint32_t id);
struct table *table_find(const struct intake *in, uint32_t id);
void route_add(struct intake *in, struct route *r, uint16_t nlflags);
void route_del(struct intake *in, struct route *r);
void routes_copy_local(struct intake *in, struct table *t, bool add);
uint64_t info_hash(const struct info_key *k, const struct path *paths);
struct info *info_get(struct intake *in, const struct info_key *k, const struct path *paths);
bool alias_same_key(const struct alias *a, unsigned rank, const struct info_key *k);
struct alias *alias_by_object(struct node *n, unsigned rank, const struct info_key *k);
void node_changed(struct intake *in, struct node *n, unsigned rank); /* a route of it, or what it is worth */
/* These three take the info's reference. at: where it comes. */
void alias_insert(struct intake *in, struct node *n, struct alias **at, unsigned rank, struct info *info);
void alias_again(struct intake *in, struct node *n, struct alias *a, struct info *info); /* it is this one */
void node_add(struct intake *in, struct node *n, unsigned rank, struct info *info, uint16_t nlflags);
void alias_free(struct intake *in, struct node *n, struct alias **at);

/* intake_route6.c */
void node_add6(struct intake *in, struct node *n, unsigned rank, struct route *r, uint16_t nlflags);
/* The sibling of that metric by that next hop, of which there is one at most; NULL: none. */
struct alias **sibling_find(struct node *n, unsigned rank, const struct info_key *k, const struct path *p);

/* But for their weights. */
static inline bool path_same(const struct path *a, const struct path *b)
{
	return a->ifindex == b->ifindex && a->family == b->family && a->encap == b->encap && a->rest == b->rest &&
	       !memcmp(a->gw, b->gw, sizeof(a->gw));
}

/* Whether the kernel may take it as one of several next hops of an IPv6 route (rt6_qualify_for_ecmp). */
static inline bool info_sibling6(const struct info *i)
{
	return !(i->key.flags & INFO_NO_ECMP) && !i->key.nhid && i->key.path_count && i->paths[0].family;
}

/* intake_flush.c */
enum event {
	EVENT_DOWN4 = 1, /* id: ifindex; spares the local addresses */
	EVENT_FORCED4,	 /* id: ifindex, which has no IPv4 any more */
	EVENT_DOWN6,
	EVENT_LINK_GONE,
	EVENT_UP, /* id: ifindex, over which next hops were dead before */
	EVENT_OBJECT, /* id: the object's */
	EVENT_SOURCE, /* id: IPv4 address; table: where it was local */
};
void flush_note(struct intake *in, enum event kind, uint32_t id, uint32_t table);
void flush_node(struct intake *in, struct node *n);
void flush_settle(struct intake *in);
void flush_stale(struct intake *in);

/* intake_nh.c */
struct nh *nh_ref(struct nh *nh);
void nh_put(struct intake *in, struct nh *nh);
struct nh *nh_via(struct intake *in, uint32_t ifindex, uint8_t family, const uint8_t *gw);
struct nh *nh_group(struct intake *in, struct nh **members, unsigned n); /* takes the references */
void nh_via_changed(struct intake *in, const struct addr_key *k);
void nh_refresh(struct intake *in, bool all);
void nh_reap(struct intake *in);
void nh_view(const struct nh *nh, uint32_t *ids, struct intake_nh *out);
struct nh_whole { /* with its members */
	struct intake_nh nh, hops[MEMBERS_MAX];
	uint32_t ids[MEMBERS_MAX];
};
void nh_view_whole(const struct nh *nh, struct nh_whole *out);
int nh_init(struct intake *in);
void nh_fini(struct intake *in);

/* intake_path.c: an info's next hops */
void info_resolve(struct intake *in, struct info *i);
struct nh *paths_resolve(struct intake *in, const struct info_key *k, const struct path *paths,
			 unsigned n, enum why *why, uint32_t *arg);

/* intake_fpm.c: by FPM, a prefix has one route, and which link is what follows from the connected ones. */
void node_clear(struct intake *in, struct node *n, unsigned rank); /* of one table all routes */
int connected_init(struct intake *in);
void connected_fini(struct intake *in);
void connected_route(struct intake *in, const struct route *r, uint8_t protocol, bool add);
void connected_obj(struct intake *in, uint32_t id); /* it changed */
void connected_sweep(struct intake *in);
uint32_t connected_table(const struct intake *in, uint32_t ifindex); /* 0: none, or several */
void connected_check(struct intake *in, bool links); /* links: ports are others */

/* intake_resolve.c */
struct pick { /* what a node gets */
	enum why why;
	uint32_t arg;
	bool none, punt;
	const struct alias *first; /* and its siblings */
	unsigned siblings;
	uint32_t onlink;
};
void node_pick(const struct intake *in, const struct node *n, struct pick *p);
void resolve_commit(struct intake *in);

/* intake_port.c: links to ports */
void ports_resolve(struct intake *in);
void ports_send(struct intake *in);

#endif
