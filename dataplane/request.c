/* SPDX-License-Identifier: Apache-2.0 */
/* From a request's bytes to operations on objects, and their results back into datagrams. */
#include "dataplane/request_ops_priv.h"

#include "base/rd.h"
#include "dataplane/capture_priv.h"
#include "dataplane/engine_priv.h"
#include "dataplane/link_impair_priv.h"
#include "dataplane/objects_priv.h"
#include "dataplane/snoop_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void request_flush(struct request *rq, uint32_t flags)
{
	rq->head->flags = flags;
	rq->reply(rq->arg, rq->head, rq->len);
	rq->head->results = 0;
	rq->len = sizeof(*rq->head);
}

void *request_result(struct request *rq, uint16_t op, size_t len)
{
	struct dp_record *rec;

	if (rq->len + len > DP_DATAGRAM_MAX)
		request_flush(rq, DP_REPLY_MORE);
	rec = (struct dp_record *)((uint8_t *)rq->head + rq->len);
	memset(rec, 0, len);
	rec->op = op;
	rec->len = (uint16_t)len;
	rq->len += len;
	rq->head->results++;
	return rec;
}

static int op_sync(struct request *rq, union record *r, struct err *err)
{
	return objects_sync(rq->engine, r->sync.end, err);
}

static int op_vnet_set(struct request *rq, union record *r, struct err *err)
{
	return vnet_set(rq->engine, &r->vnet, err);
}

static int op_vnet_del(struct request *rq, union record *r, struct err *err)
{
	return vnet_del(rq->engine, r->id.id, err);
}

static int op_node_set(struct request *rq, union record *r, struct err *err)
{
	return node_set(rq->engine, &r->node, err);
}

static int op_node_del(struct request *rq, union record *r, struct err *err)
{
	return node_del(rq->engine, r->id.id, err);
}

static int op_port_set(struct request *rq, union record *r, struct err *err)
{
	int none = -1, *fd = &none;

	r->port.dev[sizeof(r->port.dev) - 1] = 0;
	if (r->port.flags & DP_PORT_HAS_FD) {
		if (rq->fd_next == rq->fd_count)
			return err_set(err, -EBADF, "port %s: its descriptor did not come",
				       r->port.name);
		fd = &rq->fds[rq->fd_next++];
	}
	return port_set(rq->engine, &r->port, fd, err);
}

static int op_port_del(struct request *rq, union record *r, struct err *err)
{
	return port_del(rq->engine, r->id.id, err);
}

static int op_link_set(struct request *rq, union record *r, struct err *err)
{
	return link_set(rq->engine, &r->link, err);
}

static int op_link_del(struct request *rq, union record *r, struct err *err)
{
	return link_del(rq->engine, r->id.id, err);
}

static int op_impair_set(struct request *rq, union record *r, struct err *err)
{
	return link_impair_set(rq->engine, &r->impair, err);
}

static int op_fib_set(struct request *rq, union record *r, struct err *err)
{
	return vfib_set(rq->engine, &r->fib, err);
}

static int op_fib_del(struct request *rq, union record *r, struct err *err)
{
	return vfib_del(rq->engine, r->id.id, err);
}

static int op_fib_sync(struct request *rq, union record *r, struct err *err)
{
	return vfib_sync(rq->engine, r->sync.id, r->sync.end, err);
}

static int op_nh_set(struct request *rq, union record *r, struct err *err)
{
	size_t want = sizeof(r->nh) + r->nh.member_count * sizeof(uint32_t);

	if (r->nh.member_count > DP_NH_GROUP_MAX || ((want + 7) & ~(size_t)7) != r->rec.len)
		return err_set(err, -EBADMSG, "next hop %u: %u members in %u bytes", r->nh.id,
			       r->nh.member_count, r->rec.len);
	return nh_set(rq->engine, &r->nh, err);
}

static int op_nh_del(struct request *rq, union record *r, struct err *err)
{
	return nh_del(rq->engine, r->nh_id.node, r->nh_id.id, err);
}

/* Applies the routes that were collected. When one fails, the request failed there. */
static int request_routes(struct request *rq, struct err *err)
{
	unsigned count = rq->routes.count, done;
	int rc = routes_apply(rq->engine, &rq->routes, &done, err);

	rq->index -= count - done;
	return rc;
}

static int op_route(struct request *rq, union record *r, struct err *err)
{
	int rc = routes_take(&rq->routes, &r->route) ? 0 : request_routes(rq, err);

	return rc ? rc : routes_add(rq->engine, &rq->routes, &r->route, err);
}

static int op_capture_set(struct request *rq, union record *r, struct err *err)
{
	if (rq->fd_next == rq->fd_count)
		return err_set(err, -EBADF, "capture %u: its memory did not come", r->capture.id);
	return capture_set(rq->engine, &r->capture, rq->fds[rq->fd_next++], err);
}

static int op_capture_port(struct request *rq, union record *r, struct err *err)
{
	return capture_port(rq->engine, &r->capture_port, err);
}

static int op_capture_del(struct request *rq, union record *r, struct err *err)
{
	return capture_del(rq->engine, r->id.id, err);
}

static int op_snoop_set(struct request *rq, union record *r, struct err *err)
{
	int rc;

	if (rq->fd_next == rq->fd_count)
		return err_set(err, -EBADF, "snoop %u: its socket did not come", r->snoop.id);
	rc = snoop_set(rq->engine, &r->snoop, rq->fds[rq->fd_next], err);
	if (!rc)
		rq->fds[rq->fd_next] = -1;
	rq->fd_next++;
	return rc;
}

static int op_snoop_forget(struct request *rq, union record *r, struct err *err)
{
	snoop_forget(rq->engine, r->id.id);
	return 0;
}

/* len is exact, but for next hops, which check theirs. name: where a DP_NAME_MAX string is. */
static const struct op {
	int (*fn)(struct request *rq, union record *r, struct err *err);
	size_t len, name;
	bool changes;
} ops[] = {
	[DP_HELLO] = { request_hello, sizeof(struct dp_record), 0, false },
	[DP_SYNC] = { op_sync, sizeof(struct dp_sync), 0, false },
	[DP_VNET_SET] = { op_vnet_set, sizeof(struct dp_vnet), offsetof(struct dp_vnet, name),
			  true },
	[DP_VNET_DEL] = { op_vnet_del, sizeof(struct dp_id), 0, true },
	[DP_NODE_SET] = { op_node_set, sizeof(struct dp_node), offsetof(struct dp_node, name),
			  true },
	[DP_NODE_DEL] = { op_node_del, sizeof(struct dp_id), 0, true },
	[DP_PORT_SET] = { op_port_set, sizeof(struct dp_port), offsetof(struct dp_port, name),
			  true },
	[DP_PORT_DEL] = { op_port_del, sizeof(struct dp_id), 0, true },
	[DP_LINK_SET] = { op_link_set, sizeof(struct dp_link), 0, true },
	[DP_LINK_DEL] = { op_link_del, sizeof(struct dp_id), 0, true },
	[DP_FIB_SET] = { op_fib_set, sizeof(struct dp_fib), 0, true },
	[DP_FIB_DEL] = { op_fib_del, sizeof(struct dp_id), 0, true },
	[DP_FIB_SYNC] = { op_fib_sync, sizeof(struct dp_sync), 0, false },
	[DP_NH_SET] = { op_nh_set, 0, 0, true },
	[DP_NH_DEL] = { op_nh_del, sizeof(struct dp_nh_id), 0, true },
	[DP_ROUTE_SET] = { op_route, sizeof(struct dp_route), 0, true },
	[DP_ROUTE_DEL] = { op_route, sizeof(struct dp_route), 0, true },
	[DP_PORT_GET] = { request_port_get, sizeof(struct dp_id), 0, false },
	[DP_VNET_GET] = { request_vnet_get, sizeof(struct dp_id), 0, false },
	[DP_FIB_GET] = { request_fib_get, sizeof(struct dp_id), 0, false },
	[DP_MEMORY_GET] = { request_memory_get, sizeof(struct dp_record), 0, false },
	[DP_CAPTURE_SET] = { op_capture_set, sizeof(struct dp_capture), 0, false },
	[DP_CAPTURE_PORT] = { op_capture_port, sizeof(struct dp_capture_port), 0, false },
	[DP_CAPTURE_DEL] = { op_capture_del, sizeof(struct dp_id), 0, false },
	[DP_IMPAIR_SET] = { op_impair_set, sizeof(struct dp_impair), 0, true },
	[DP_TRACE] = { request_trace, sizeof(struct dp_trace), 0, false },
	[DP_SNOOP_SET] = { op_snoop_set, sizeof(struct dp_snoop), 0, false },
	[DP_SNOOP_FORGET] = { op_snoop_forget, sizeof(struct dp_id), 0, false },
	[DP_WORKER_GET] = { request_worker_get, sizeof(struct dp_record), 0, false },
	[DP_ROUTE_GET] = { request_route_get, sizeof(struct dp_route_get), 0, false },
};

static int request_record(struct request *rq, struct rd *r, struct err *err)
{
	union record record = { 0 };
	const struct op *op;
	struct rd body = *r;
	int rc;

	rd_copy(&body, &record.rec, sizeof(record.rec));
	op = record.rec.op < sizeof(ops) / sizeof(ops[0]) ? &ops[record.rec.op] : NULL;
	if (body.bad)
		return err_set(err, -EBADMSG, "the request ends within a record");
	if (!op || !op->fn)
		return err_set(err, -ENOTSUP, "no operation %u", record.rec.op);
	if (record.rec.len % 8 || record.rec.len > sizeof(record) ||
	    (op->len ? record.rec.len != op->len : record.rec.len < sizeof(struct dp_nh)))
		return err_set(err, -EBADMSG, "operation %u in %u bytes", record.rec.op,
			       record.rec.len);
	if (record.rec.pad)
		return err_set(err, -EBADMSG, "operation %u: padding is not zero", record.rec.op);
	rd_copy(r, &record, record.rec.len);
	if (r->bad)
		return err_set(err, -EBADMSG, "the request ends within a record");
	if (op->name && !memchr(record.bytes + op->name, 0, DP_NAME_MAX))
		return err_set(err, -EBADMSG, "operation %u: its name does not end",
			       record.rec.op);
	rc = op->fn == op_route ? 0 : request_routes(rq, err);
	if (!rc)
		rc = op->fn(rq, &record, err);
	if (!rc && op->changes)
		rq->engine->has_state = true;
	return rc;
}

/* rq->index is the record that failed, or count. */
static int request_records(struct request *rq, struct rd *r, uint32_t count, struct err *err)
{
	int rc = 0, before;

	while (!rc && rq->index < count) {
		rc = request_record(rq, r, err);
		rq->index += !rc;
	}
	if (!rc && r->left)
		rc = err_set(err, -EBADMSG, "bytes behind the last record");
	before = request_routes(rq, err);
	return before ? before : rc;
}

void request_handle(struct engine *e, const void *bytes, size_t len, int *fds, unsigned fd_count,
		    request_reply_fn *reply, void *arg)
{
	struct request rq = { .engine = e, .fds = fds, .fd_count = fd_count, .reply = reply,
			      .arg = arg, .head = calloc(1, DP_DATAGRAM_MAX),
			      .len = sizeof(struct dp_reply) };
	struct rd r = rd_of(bytes, len);
	struct dp_request head;
	struct err err = { "" };
	int rc;

	if (!rq.head)
		return; /* the client sees no reply, and asks again */
	rd_copy(&r, &head, sizeof(head));
	rq.head->seq = head.seq;
	if (r.bad || head.count > DP_RECORDS_MAX || head.flags & ~DP_REQUEST_NEXT)
		rc = err_set(&err, -EBADMSG, "not a request");
	else if (head.flags & DP_REQUEST_NEXT && e->request_failed)
		rc = err_set(&err, -ECANCELED, "the request before it was not done");
	else
		rc = request_records(&rq, &r, head.count, &err);
	engine_reclaim(e);
	e->request_failed = rc != 0;
	rq.head->status = rc;
	rq.head->index = rq.index;
	snprintf(rq.head->error, sizeof(rq.head->error), "%.251s", err.text);
	request_flush(&rq, 0);
	free(rq.head);
}
