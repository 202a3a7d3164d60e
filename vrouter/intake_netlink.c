/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink messages (rtnetlink(7), linux/rtnetlink.h) into the mirror. A message is first read
 * whole, then applied; one that cannot be right is counted and skipped. The guest has our byte
 * order.
 */
#include "vrouter/intake_priv.h"

#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/lwtunnel.h>
#include <linux/neighbour.h>
#include <linux/netconf.h>
#include <linux/nexthop.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static bool message_link(struct intake *in, struct rd r, bool add)
{
	struct link l = { .port = -1 };
	struct ifinfomsg m;
	struct attrs a, info, data;

	rd_copy(&r, &m, sizeof(m));
	if (r.bad || m.ifi_index <= 0 || !attrs_parse(r, &a))
		return false;
	if (m.ifi_family != AF_UNSPEC) /* a bridge's or IPv6's view of the link */
		return true;
	l.ifindex = (uint32_t)m.ifi_index;
	if (!add) {
		mirror_link_del(in, l.ifindex);
		return true;
	}
	l.flags = m.ifi_flags;
	l.type = m.ifi_type;
	attr_u32(&a, IFLA_MASTER, &l.master);
	attr_u32(&a, IFLA_MTU, &l.mtu);
	attr_text(&a, IFLA_IFNAME, l.name, sizeof(l.name));
	attr_mac(&a, IFLA_ADDRESS, l.mac);
	l.has_perm = attr_mac(&a, IFLA_PERM_ADDRESS, l.perm);
	if (a.at[IFLA_LINKINFO].p) {
		if (!attrs_parse(a.at[IFLA_LINKINFO], &info))
			return false;
		attr_text(&info, IFLA_INFO_KIND, l.kind, sizeof(l.kind));
		if (!strcmp(l.kind, "vrf") && info.at[IFLA_INFO_DATA].p &&
		    attrs_parse(info.at[IFLA_INFO_DATA], &data))
			attr_u32(&data, IFLA_VRF_TABLE, &l.vrf_table);
	}
	mirror_link(in, &l);
	return true;
}

static bool message_addr(struct intake *in, struct rd r, bool add)
{
	struct addr_key k = { 0 };
	struct ifaddrmsg m;
	struct attrs a;

	rd_copy(&r, &m, sizeof(m));
	k.family = (uint8_t)family_of(m.ifa_family);
	if (r.bad || !attrs_parse(r, &a))
		return false;
	if (!k.family)
		return true;
	k.ifindex = m.ifa_index;
	k.len = m.ifa_prefixlen;
	if (!attr_ip(&a, IFA_LOCAL, k.family, k.addr) &&
	    !attr_ip(&a, IFA_ADDRESS, k.family, k.addr))
		return false;
	mirror_addr(in, &k, add);
	return true;
}

static bool message_neigh(struct intake *in, struct rd r, bool add)
{
	const unsigned usable = NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE | NUD_PERMANENT |
				NUD_NOARP;
	struct addr_key k = { 0 };
	uint8_t mac[6] = { 0 }, zero[6] = { 0 };
	struct ndmsg m;
	struct attrs a;
	bool ok;

	rd_copy(&r, &m, sizeof(m));
	k.family = (uint8_t)family_of(m.ndm_family);
	if (r.bad || !attrs_parse(r, &a))
		return false;
	if (!k.family || m.ndm_flags & NTF_PROXY)
		return true;
	k.ifindex = (uint32_t)m.ndm_ifindex;
	if (m.ndm_ifindex <= 0 || !attr_ip(&a, NDA_DST, k.family, k.addr))
		return false;
	if (!add) {
		mirror_neigh_del(in, &k);
		return true;
	}
	ok = attr_mac(&a, NDA_LLADDR, mac) && m.ndm_state & usable && !(mac[0] & 1) &&
	     memcmp(mac, zero, 6) != 0;
	mirror_neigh(in, &k, mac, ok);
	return true;
}

static bool message_conf(struct intake *in, struct rd r, bool add)
{
	struct conf c = { -1, -1, 0 };
	struct netconfmsg m;
	struct attrs a;
	uint32_t ifindex;

	rd_copy(&r, &m, sizeof(m));
	if (r.bad || !attrs_parse(r, &a))
		return false;
	if (!family_of(m.ncm_family))
		return true;
	if (!attr_u32(&a, NETCONFA_IFINDEX, &ifindex))
		return false;
	attr_u32(&a, NETCONFA_FORWARDING, (uint32_t *)&c.forwarding);
	attr_u32(&a, NETCONFA_RP_FILTER, (uint32_t *)&c.rp_filter);
	mirror_conf(in, (uint8_t)family_of(m.ncm_family), ifindex, add ? &c : NULL);
	return true;
}

static bool message_obj(struct intake *in, struct rd r, bool add)
{
	struct obj *o;
	struct nhmsg m;
	struct attrs a;
	uint32_t id;
	unsigned members;
	struct rd group;
	int family;

	rd_copy(&r, &m, sizeof(m));
	if (r.bad || !attrs_parse(r, &a) || !attr_u32(&a, NHA_ID, &id) || !id)
		return false;
	if (!add) {
		mirror_obj_del(in, id);
		return true;
	}
	group = a.at[NHA_GROUP];
	members = group.p ? (unsigned)(group.left / sizeof(struct nexthop_grp)) : 0;
	if ((group.p && !members) || members > PATHS_MAX)
		return false;
	o = calloc(1, sizeof(*o) + members * sizeof(o->members[0]));
	if (!o)
		return false;
	o->id = id;
	o->member_count = members;
	o->blackhole = a.at[NHA_BLACKHOLE].p != NULL;
	o->encap = a.at[NHA_ENCAP].p || a.at[NHA_ENCAP_TYPE].p || a.at[NHA_FDB].p;
	for (unsigned i = 0; i < members; i++) {
		o->members[i].id = rd_u32(&group);
		o->members[i].weight = rd_u8(&group) + 1u;
		o->members[i].weight += (uint32_t)rd_u8(&group) << 8; /* weight_high, since 6.12 */
		rd_u16(&group);
	}
	o->path.weight = 1;
	o->path.encap = o->encap;
	attr_u32(&a, NHA_OIF, &o->path.ifindex);
	family = family_of(m.nh_family);
	if (a.at[NHA_GATEWAY].p) {
		if (!family || !attr_ip(&a, NHA_GATEWAY, (unsigned)family, o->path.gw)) {
			free(o);
			return false;
		}
		o->path.family = (uint8_t)family;
	}
	mirror_obj(in, o);
	return true;
}

/* Gateway, encapsulation: what a route has once and a multipath route per next hop. */
static bool path_attrs(const struct attrs *a, unsigned family, unsigned flags, struct path *p)
{
	struct rd via = a->at[RTA_VIA], how = a->at[RTA_ENCAP], flow = a->at[RTA_FLOW];
	uint16_t type = LWTUNNEL_ENCAP_NONE;
	struct rd encap = a->at[RTA_ENCAP_TYPE];

	if (encap.p)
		type = rd_u16(&encap);
	p->encap = type != LWTUNNEL_ENCAP_NONE || how.p || a->at[RTA_NEWDST].p;
	p->rest = how.p ? (uint32_t)hash_bytes(how.p, how.left) ^ type : 0;
	if (family == 4)
		p->rest ^= (flags & RTNH_F_ONLINK) ^ (flow.p ? (uint32_t)hash_bytes(flow.p, flow.left) : 0);
	if (a->at[RTA_GATEWAY].p) {
		p->family = (uint8_t)family;
		return attr_ip(a, RTA_GATEWAY, family, p->gw);
	}
	if (!via.p)
		return true;
	p->family = (uint8_t)family_of((uint8_t)rd_u16(&via));
	if (!p->family || via.left != bytes_of(p->family))
		return false;
	rd_copy(&via, p->gw, via.left);
	return !via.bad;
}

/* The next hops of a dump may be dead for reasons that nobody has seen. */
static void path_flags(struct intake *in, unsigned family, uint32_t ifindex, unsigned flags)
{
	struct link *l = link_find(in, ifindex);

	if (family == 4 && l && l->flags & IFF_UP && flags & RTNH_F_DEAD && !l->dead4)
		l->dead4 = in->links_dirty = true;
}

static bool route_multipath(struct intake *in, struct route *out, struct rd r)
{
	while (r.left >= sizeof(struct rtnexthop)) {
		struct rtnexthop nh;
		struct path *p;
		struct attrs a;
		struct rd body;
		size_t pad;

		rd_copy(&r, &nh, sizeof(nh));
		if (nh.rtnh_len < sizeof(nh) || out->key.path_count == PATHS_MAX)
			return false;
		body = rd_sub(&r, nh.rtnh_len - sizeof(nh));
		pad = RTNH_ALIGN(nh.rtnh_len) - nh.rtnh_len;
		rd_skip(&r, pad < r.left ? pad : r.left);
		if (r.bad || !attrs_parse(body, &a))
			return false;
		p = &out->paths[out->key.path_count++];
		memset(p, 0, sizeof(*p));
		p->ifindex = (uint32_t)nh.rtnh_ifindex;
		p->weight = nh.rtnh_hops + 1;
		path_flags(in, out->key.family, p->ifindex, nh.rtnh_flags);
		if (!path_attrs(&a, out->key.family, nh.rtnh_flags, p))
			return false;
	}
	return true;
}

static bool route_options(struct route *out, const struct rtmsg *m, const struct attrs *a)
{
	struct attrs metrics;
	struct rd cache = a->at[RTA_CACHEINFO], pref = a->at[RTA_PREF];

	if (a->at[RTA_METRICS].p) {
		if (!attrs_parse(a->at[RTA_METRICS], &metrics))
			return false;
		attr_u32(&metrics, RTAX_MTU, &out->key.mtu);
	}
	if (cache.p && cache.left >= sizeof(struct rta_cacheinfo)) {
		rd_skip(&cache, offsetof(struct rta_cacheinfo, rta_expires));
		if (rd_u32(&cache))
			out->key.flags |= INFO_EXPIRES;
	}
	if (pref.p && rd_u8(&pref) != 0)
		out->key.flags |= INFO_PREF;
	if (m->rtm_protocol == RTPROT_RA)
		out->key.flags |= INFO_NO_ECMP;
	if (m->rtm_src_len) {
		struct rd src = a->at[RTA_SRC];

		out->key.source = (uint32_t)hash_bytes(src.p, src.p ? src.left : 0) | m->rtm_src_len;
	}
	if (out->key.family == 4) {
		struct rd metrics_of = a->at[RTA_METRICS];

		attr_u32(a, RTA_PREFSRC, &out->key.prefsrc);
		attr_u32(a, RTA_FLOW, &out->key.rest);
		if (metrics_of.p)
			out->key.rest ^= (uint32_t)hash_bytes(metrics_of.p, metrics_of.left);
		out->key.rest = out->key.rest * 256 ^ m->rtm_protocol;
	}
	return true;
}

static bool message_route(struct intake *in, struct rd r, uint16_t nlflags, bool add)
{
	static const uint8_t any[16];
	struct route out = { 0 };
	struct rtmsg m;
	struct attrs a;

	rd_copy(&r, &m, sizeof(m));
	if (r.bad || !attrs_parse(r, &a))
		return false;
	out.key.family = (uint8_t)family_of(m.rtm_family);
	if (!out.key.family || m.rtm_flags & RTM_F_CLONED)
		return true;
	out.len = m.rtm_dst_len;
	out.table = m.rtm_table;
	attr_u32(&a, RTA_TABLE, &out.table);
	if (out.len > bytes_of(out.key.family) * 8 || !out.table)
		return false;
	if (!attr_ip(&a, RTA_DST, out.key.family, out.addr) && out.len)
		return false;
	if (!out.len)
		memcpy(out.addr, any, 16);
	out.key.type = m.rtm_type;
	out.key.tos = m.rtm_tos;
	out.key.scope = out.key.family == 4 ? m.rtm_scope : 0;
	attr_u32(&a, RTA_PRIORITY, &out.key.metric);
	attr_u32(&a, RTA_NH_ID, &out.key.nhid);
	if (!route_options(&out, &m, &a))
		return false;
	if (out.key.nhid) {
		out.key.path_count = 0; /* the object says it, and may say otherwise later */
	} else if (a.at[RTA_MULTIPATH].p) {
		if (!route_multipath(in, &out, a.at[RTA_MULTIPATH]))
			return false;
	} else if (a.at[RTA_OIF].p || a.at[RTA_GATEWAY].p || a.at[RTA_VIA].p) {
		attr_u32(&a, RTA_OIF, &out.paths[0].ifindex);
		out.paths[0].weight = 1;
		out.key.path_count = 1;
		if (!path_attrs(&a, out.key.family, m.rtm_flags, &out.paths[0]))
			return false;
	}
	if (out.key.family == 6 && out.key.type == RTN_LOCAL)
		link_local_zone(out.addr, out.paths[0].ifindex);
	connected_route(in, &out, m.rtm_protocol, add);
	if (add)
		route_add(in, &out, nlflags);
	else
		route_del(in, &out);
	return true;
}

static bool message(struct intake *in, const struct nlmsghdr *h, struct rd body)
{
	switch (h->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return message_link(in, body, h->nlmsg_type == RTM_NEWLINK);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return message_addr(in, body, h->nlmsg_type == RTM_NEWADDR);
	case RTM_NEWNEIGH:
	case RTM_DELNEIGH:
		return message_neigh(in, body, h->nlmsg_type == RTM_NEWNEIGH);
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return message_route(in, body, h->nlmsg_flags, h->nlmsg_type == RTM_NEWROUTE);
	case RTM_NEWRULE:
	case RTM_DELRULE:
		return rule_message(in, body, h->nlmsg_type == RTM_NEWRULE);
	case RTM_NEWNEXTHOP:
	case RTM_DELNEXTHOP:
		return message_obj(in, body, h->nlmsg_type == RTM_NEWNEXTHOP);
	case RTM_NEWNETCONF:
	case RTM_DELNETCONF:
		return message_conf(in, body, h->nlmsg_type == RTM_NEWNETCONF);
	default:
		return true; /* NLMSG_DONE, statistics, ... */
	}
}

void intake_netlink(struct intake *in, const void *bytes, size_t len)
{
	struct rd r = rd_of(bytes, len);

	while (r.left) {
		struct nlmsghdr h;
		struct rd body;
		size_t pad;

		rd_copy(&r, &h, sizeof(h));
		body = rd_sub(&r, h.nlmsg_len < sizeof(h) ? SIZE_MAX : h.nlmsg_len - sizeof(h));
		if (r.bad) {
			in->stats.malformed++;
			return;
		}
		pad = NLMSG_ALIGN(h.nlmsg_len) - h.nlmsg_len;
		rd_skip(&r, pad < r.left ? pad : r.left);
		in->stats.messages++;
		if (!message(in, &h, body))
			in->stats.malformed++;
		nodes_shrink(in);
	}
}
