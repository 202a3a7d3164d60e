/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DATAPLANE_REQUEST_OPS_PRIV_H
#define DATAPLANE_REQUEST_OPS_PRIV_H

/* Between request.c, which takes requests apart, and the operations that its table leads to. */

#include "dataplane/request_priv.h"
#include "dataplane/routes_priv.h"

/* Any one record, with room for the longest. */
union record {
	struct dp_record rec;
	struct dp_id id;
	struct dp_sync sync;
	struct dp_vnet vnet;
	struct dp_node node;
	struct dp_port port;
	struct dp_link link;
	struct dp_impair impair;
	struct dp_fib fib;
	struct dp_nh_id nh_id;
	struct dp_nh nh;
	struct dp_route route;
	struct dp_capture capture;
	struct dp_capture_port capture_port;
	struct dp_trace trace;
	struct dp_route_get route_get;
	struct dp_snoop snoop;
	uint8_t bytes[sizeof(struct dp_nh) + DP_NH_GROUP_MAX * sizeof(uint32_t)];
};

struct request {
	struct engine *engine;
	int *fds;
	unsigned fd_count, fd_next;
	request_reply_fn *reply;
	void *arg;
	uint32_t index; /* the record that is being applied */
	struct routes routes; /* of records before it, not applied yet */
	/* The datagram under construction: header, then results. */
	struct dp_reply *head;
	size_t len;
};

/* Room for one result, zeroed, with its record header; flushes what is full. */
void *request_result(struct request *rq, uint16_t op, size_t len);

/* request_get.c: see the operations of dataplane/api.h. */
int request_hello(struct request *rq, union record *r, struct err *err);
int request_port_get(struct request *rq, union record *r, struct err *err);
int request_vnet_get(struct request *rq, union record *r, struct err *err);
int request_fib_get(struct request *rq, union record *r, struct err *err);
int request_memory_get(struct request *rq, union record *r, struct err *err);
int request_worker_get(struct request *rq, union record *r, struct err *err);
int request_route_get(struct request *rq, union record *r, struct err *err);
int request_trace(struct request *rq, union record *r, struct err *err);

#endif
