/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policy rules (linux/fib_rules.h). The default set can be represented: local, l3mdev, main and
 * for IPv4 default. Any other stands in the way of its family.
 */
#include "vrouter/intake_priv.h"

#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <stdio.h>
#include <string.h>

static void text_prefix(char *text, size_t size, const char *word, int af, struct rd addr,
			unsigned len)
{
	char ip[INET6_ADDRSTRLEN] = "?";
	size_t at = strlen(text);

	if (addr.p && addr.left == (af == AF_INET ? 4 : 16))
		inet_ntop(af, addr.p, ip, sizeof(ip));
	snprintf(text + at, size - at, "%s%s %s/%u", at ? " " : "", word, ip, len);
}

static void rule_text(struct rule *r, const struct fib_rule_hdr *h, const struct attrs *a)
{
	char *t = r->text;
	size_t size = sizeof(r->text), at;
	uint32_t mark;

	if (h->src_len)
		text_prefix(t, size, "from", h->family, a->at[FRA_SRC], h->src_len);
	if (h->dst_len)
		text_prefix(t, size, "to", h->family, a->at[FRA_DST], h->dst_len);
	at = strlen(t);
	if (attr_u32(a, FRA_FWMARK, &mark))
		snprintf(t + at, size - at, "%sfwmark 0x%x", at ? " " : "", mark);
	at = strlen(t);
	if (r->l3mdev)
		snprintf(t + at, size - at, "%slookup l3mdev", at ? " " : "");
	else if (h->action == FR_ACT_TO_TBL)
		snprintf(t + at, size - at, "%slookup %u", at ? " " : "", r->table);
	else
		snprintf(t + at, size - at, "%saction %u", at ? " " : "", h->action);
}

/* Whether it matches every packet, and nothing about it is unknown. */
static bool rule_plain(const struct fib_rule_hdr *h, const struct attrs *a)
{
	uint32_t suppress = ~0u;

	if (h->src_len || h->dst_len || h->tos || a->unknown || h->flags & FIB_RULE_INVERT ||
	    h->action != FR_ACT_TO_TBL)
		return false;
	attr_u32(a, FRA_SUPPRESS_PREFIXLEN, &suppress);
	if (suppress != ~0u)
		return false;
	for (unsigned i = 0; i < ATTRS_MAX; i++) {
		if (a->at[i].p && i != FRA_TABLE && i != FRA_PRIORITY && i != FRA_PROTOCOL &&
		    i != FRA_SUPPRESS_PREFIXLEN && i != FRA_L3MDEV && i != FRA_PAD)
			return false;
	}
	return true;
}

static struct rule *rule_find(struct intake *in, const struct rule *want)
{
	for (unsigned i = 0; i < in->rule_count; i++) {
		struct rule *r = &in->rules[i];

		if (r->family == want->family && r->pref == want->pref && r->hash == want->hash)
			return r;
	}
	return NULL;
}

bool rule_message(struct intake *in, struct rd rd, bool add)
{
	struct rule r = { 0 }, *known;
	struct fib_rule_hdr h;
	struct attrs a;
	struct rd l3;

	rd_copy(&rd, &h, sizeof(h));
	if (rd.bad || !attrs_parse(rd, &a))
		return false;
	if (h.family != AF_INET && h.family != AF_INET6)
		return true;
	h.flags &= FIB_RULE_INVERT; /* the others are its state */
	r.family = h.family == AF_INET ? 4 : 6;
	r.gen = in->gen;
	r.table = h.table;
	attr_u32(&a, FRA_TABLE, &r.table);
	attr_u32(&a, FRA_PRIORITY, &r.pref);
	l3 = a.at[FRA_L3MDEV];
	r.l3mdev = l3.p && rd_u8(&l3);
	r.plain = rule_plain(&h, &a);
	r.hash = hash_bytes(rd.p, rd.left) ^ hash_bytes(&h, sizeof(h));
	rule_text(&r, &h, &a);
	known = rule_find(in, &r);
	in->rules_seen[r.family == 6] = true;
	if (!add) {
		if (known)
			*known = in->rules[--in->rule_count];
	} else if (known) {
		known->gen = in->gen;
	} else if (in->rule_count == RULES_MAX) {
		in->rules_full = true;
		in->stats.refused++;
	} else {
		in->rules[in->rule_count++] = r;
	}
	return true;
}

void rules_sweep(struct intake *in)
{
	for (unsigned i = 0; i < in->rule_count;) {
		if (in->rules[i].gen == in->gen)
			i++;
		else
			in->rules[i] = in->rules[--in->rule_count];
	}
}

static bool has_vrfs(const struct intake *in)
{
	for (unsigned i = 0; i < TABLES_MAX; i++) {
		if (in->tables[i] && in->tables[i]->fib && in->tables[i]->id != TABLE_MAIN)
			return true;
	}
	return false;
}

const char *rules_in_the_way(const struct intake *in, bool v6, char *text, size_t size)
{
	bool local = false, main = false, l3mdev = false;

	if (in->rules_full)
		return "more policy rules than are kept";
	if (!in->rules_seen[v6]) /* a kernel without policy routing */
		return NULL;
	for (unsigned i = 0; i < in->rule_count; i++) {
		const struct rule *r = &in->rules[i];

		if (r->family != (v6 ? 6 : 4))
			continue;
		if (r->plain && r->l3mdev && r->pref == 1000) {
			l3mdev = true;
		} else if (r->plain && !r->l3mdev && r->pref == 0 && r->table == TABLE_LOCAL) {
			local = true;
		} else if (r->plain && !r->l3mdev && r->pref == 32766 && r->table == TABLE_MAIN) {
			main = true;
		} else if (!r->plain || r->l3mdev || r->pref != 32767 || r->table != TABLE_DEFAULT) {
			snprintf(text, size, "policy rule %u (%s)", r->pref, r->text);
			return text;
		}
	}
	if (!local)
		return "policy rule 0 (lookup local) is missing";
	if (!main)
		return "policy rule 32766 (lookup main) is missing";
	if (!l3mdev && has_vrfs(in))
		return "policy rule 1000 (lookup l3mdev) is missing";
	return NULL;
}

/* Whether table default is looked up; when that changes everything in main's FIB may. */
void rules_apply(struct intake *in)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		bool has = !in->rules_seen[v6] && !v6;
		struct table *t = table_find(in, TABLE_MAIN);

		for (unsigned i = 0; i < in->rule_count; i++)
			has |= in->rules[i].family == (v6 ? 6 : 4) && in->rules[i].pref == 32767;
		if (has != in->rank_default[v6] && t)
			t->all = true;
		in->rank_default[v6] = has;
	}
}
