/* SPDX-License-Identifier: Apache-2.0 */
/* A link, as docs/api.md has it. */
#include "control/vnet_impair.h"
#include "control/vnet_json.h"

#include <string.h>

/* What one end sends, and what the link does to that. */
static json_t *way_json(struct vnet *v, const struct link *l, int end, const struct buf *stats)
{
	struct node *n, *to;
	struct port *from = vnet_end(v, l, end, &n), *far = vnet_end(v, l, !end, &to);
	struct dp_port_stats s;

	vnet_find_port(stats, from->id, &s);
	return json_pack("{s:o, s:o, s:o, s:b, s:I, s:I, s:I, s:i, s:I, s:I, s:I}", "from",
			 json_sprintf("%s:%s", n->spec->name, from->spec->name), "to",
			 json_sprintf("%s:%s", to->spec->name, far->spec->name), "impair",
			 vnet_impairment_json(vnet_impairment(l, end)), "live", l->is_live[end],
			 "sent", (json_int_t)s.wire_tx_packets, "lost",
			 (json_int_t)s.drops[DP_DROP_LOSS], "link_full",
			 (json_int_t)s.drops[DP_DROP_LINK_FULL], "on_wire", (int)s.on_wire,
			 "corrupted", (json_int_t)s.corrupted, "duplicated",
			 (json_int_t)s.duplicated, "reordered", (json_int_t)s.reordered);
}

json_t *vnet_link_json(struct vnet *v, const struct link *l, const struct buf *stats)
{
	const char *comma = strchr(l->name, ',');
	struct dp_port_stats s;

	vnet_find_port(stats, vnet_end(v, l, 0, NULL)->id, &s);
	return json_pack("{s:s%, s:s, s:i, s:b, s:b, s:b, s:[o, o]}", "a", l->name,
			 (int)(comma - l->name), "b", comma + 1, "mtu", l->spec->mtu, "up", !l->down,
			 "risen", l->risen, "carrier", l->risen && s.state & DP_PORT_CARRIER, "ways",
			 way_json(v, l, 0, stats), way_json(v, l, 1, stats));
}
