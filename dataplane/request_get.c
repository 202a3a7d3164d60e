/* SPDX-License-Identifier: Apache-2.0 */
/* Operations that change nothing: what the engine has, and how it is. */
#include "dataplane/request_ops_priv.h"

#include "dataplane/engine_priv.h"
#include "dataplane/objects_priv.h"
#include "dataplane/routes_get_priv.h"
#include "dataplane/stats_priv.h"
#include "dataplane/trace_priv.h"

#include <errno.h>
#include <unistd.h>

int request_hello(struct request *rq, union record *r, struct err *err)
{
	struct dp_hello *hello = request_result(rq, DP_HELLO, sizeof(*hello));

	hello->version = DP_API_VERSION;
	hello->pid = (uint32_t)getpid();
	hello->boot_id = rq->engine->boot_id;
	hello->has_state = rq->engine->has_state;
	hello->hugepages = rq->engine->hugepages;
	hello->workers = rq->engine->worker_count;
	return 0;
}

typedef void get_fn(struct request *rq, void *object);

/* The object of an id, or all of a map. */
static int get(struct request *rq, const struct hash_map *map, uint32_t id, get_fn *fn,
	       struct err *err)
{
	void *value = id ? hash_map_find(map, &id) : NULL;

	if (id && !value)
		return err_set(err, -ENOENT, "nothing has id %u", id);
	if (id)
		fn(rq, value);
	for (size_t i = 0; !id && hash_map_next(map, &i, NULL, &value);)
		fn(rq, value);
	return 0;
}

static void get_port(struct request *rq, void *port)
{
	stats_port(rq->engine, port, request_result(rq, DP_PORT_GET, sizeof(struct dp_port_stats)));
}

static void get_vnet(struct request *rq, void *vnet)
{
	stats_vnet(rq->engine, vnet,
		   request_result(rq, DP_VNET_GET, sizeof(struct dp_vnet_stats)));
}

static void get_fib(struct request *rq, void *fib)
{
	stats_fib(fib, request_result(rq, DP_FIB_GET, sizeof(struct dp_fib_stats)));
}

int request_port_get(struct request *rq, union record *r, struct err *err)
{
	return get(rq, rq->engine->port_map, r->id.id, get_port, err);
}

int request_vnet_get(struct request *rq, union record *r, struct err *err)
{
	return get(rq, rq->engine->vnet_map, r->id.id, get_vnet, err);
}

int request_fib_get(struct request *rq, union record *r, struct err *err)
{
	return get(rq, rq->engine->fib_map, r->id.id, get_fib, err);
}

int request_memory_get(struct request *rq, union record *r, struct err *err)
{
	stats_memory(rq->engine,
		     request_result(rq, DP_MEMORY_GET, sizeof(struct dp_memory_stats)));
	return 0;
}

int request_worker_get(struct request *rq, union record *r, struct err *err)
{
	for (unsigned i = 0; i < rq->engine->worker_count; i++)
		stats_worker(rq->engine->workers[i],
			     request_result(rq, DP_WORKER_GET, sizeof(struct dp_worker_stats)));
	return 0;
}

static void trace_result(void *arg, const struct dp_hop *hop)
{
	struct dp_hop *out = request_result(arg, DP_TRACE, sizeof(*out));
	struct dp_record rec = out->rec;

	*out = *hop;
	out->rec = rec;
}

int request_trace(struct request *rq, union record *r, struct err *err)
{
	if (r->trace.family != 4 && r->trace.family != 6)
		return err_set(err, -EINVAL, "trace: no family %u", r->trace.family);
	trace_run(rq->engine, &r->trace, trace_result, rq);
	return 0;
}

static void *route_get_result(void *arg, uint16_t op, size_t len)
{
	return request_result(arg, op, len);
}

int request_route_get(struct request *rq, union record *r, struct err *err)
{
	return routes_get(rq->engine, &r->route_get, route_get_result, rq, err);
}
