/* SPDX-License-Identifier: Apache-2.0 */
/* What a client of the capture socket may ask for, of a vnet with two links. */
#include "control/capture_priv.h"
#include "dataplane/api.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weftd *world(void)
{
	static struct weftd d;
	static struct topology_link specs[2] = { { .node = { 0, 1 }, .port = { 0, 0 } },
						 { .node = { 1, 0 }, .port = { 1, 1 } } };
	static struct topology topology = { .name = "red", .node_count = 2, .link_count = 2 };
	static struct port ports[2][2] = { { { .id = 1 }, { .id = 2 } }, { { .id = 3 }, { .id = 4 } } };
	static struct node nodes[2] = { { .ports = ports[0] }, { .ports = ports[1] } };
	static struct node *list[2] = { &nodes[0], &nodes[1] };
	static struct link links[2] = { { .spec = &specs[0], .name = "r1:eth1,r2:eth1" },
					{ .spec = &specs[1], .name = "r2:eth2,r1:eth2" } };
	static struct vnet vnet = { .id = 7, .topology = &topology, .nodes = list, .links = links };

	if (!d.vnets.tqh_last) {
		TAILQ_INIT(&d.vnets);
		TAILQ_INSERT_TAIL(&d.vnets, &vnet, entry);
	}
	return &d;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { { 0 } };
	const struct principal who = { .user = 0 };
	struct capture_request r;
	json_t *o = json_loadb((const char *)data, size, 0, NULL);

	if (capture_request_parse(world(), &who, o, &r, &err)) {
		if (!err.text[0] || r.ports || r.interfaces)
			abort();
	} else {
		if (r.vnet != 7 || !r.snap || r.snap > DP_CAPTURE_SNAP || !r.count ||
		    r.count != 2 * json_array_size(r.interfaces))
			abort();
		for (uint32_t i = 0; i < r.count; i++)
			if (r.ports[i].id > 4 || (!r.ports[i].id && r.ports[i].flags))
				abort();
	}
	capture_request_free(&r);
	json_decref(o);
	return 0;
}
