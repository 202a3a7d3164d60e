/* SPDX-License-Identifier: Apache-2.0 */
/* GET /v1/ports, POST /v1/ports/reload */
#include "control/api_priv.h"

#include "control/physical.h"
#include "control/stats.h"

#include <stdlib.h>

struct ports_call {
	struct weftd *daemon;
	struct evhttp_request *req;
};

static void on_stats(void *arg, const struct buf *stats)
{
	struct ports_call *call = arg;

	api_reply(call->req, HTTP_OK, physical_json(call->daemon->physical, stats));
	free(call);
}

void api_ports(struct weftd *d, struct evhttp_request *req, bool reload)
{
	struct ports_call *call;
	struct err err;

	if (reload && physical_reload(d->physical, &err) < 0) {
		api_error(req, HTTP_BADREQUEST, "%s", err.text);
		return;
	}
	call = malloc(sizeof(*call));
	if (!call) {
		api_error(req, HTTP_INTERNAL, "out of memory");
		return;
	}
	*call = (struct ports_call){ .daemon = d, .req = req };
	stats_ask(d->engine, STATS_OBJECTS, on_stats, call);
}
