/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_API_PRIV_H
#define CONTROL_API_PRIV_H

#include "control/api.h"
#include "control/user.h"
#include "control/vnet.h"

#include <event2/http.h>
#include <jansson.h>

/* Takes body. */
void api_reply(struct evhttp_request *req, int status, json_t *body);
void api_error(struct evhttp_request *req, int status, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The request's body as a JSON object; NULL, and the error has been answered. */
json_t *api_body(struct evhttp_request *req);

/* api_vnets.c: /v1/vnets and below; rest: what follows "/v1/vnets/", or NULL. query may be NULL. And
 * GET /v1/engine. */
void api_vnets(struct weftd *d, struct evhttp_request *req, const struct principal *who, char *rest,
	       const char *query);
void api_engine(struct weftd *d, struct evhttp_request *req);

/* api_vnet.c: a call on what is inside v, whose path goes on with rest. */
void api_inside_vnet(struct vnet *v, struct evhttp_request *req, char *rest);

/* api_sleep.c: pause, resume, hibernate; false when verb is none of them. */
bool api_sleep(struct vnet *v, struct evhttp_request *req, const char *verb);

/* api_metrics.c: GET /metrics. */
void api_metrics(struct weftd *d, struct evhttp_request *req, const struct principal *who);

/* api_events.c: GET /v1/events; query may be NULL. */
void api_events(struct weftd *d, struct evhttp_request *req, const struct principal *who,
		const char *query);

/* api_users.c: /v1/users and below; rest: what follows "/v1/users/", or NULL. */
void api_users(struct weftd *d, struct evhttp_request *req, const struct principal *who, char *rest);

/* api_ports.c: GET /v1/ports; reload: POST /v1/ports/reload. */
void api_ports(struct weftd *d, struct evhttp_request *req, bool reload);

/* api_exec.c: POST .../exec, answers for as long as the command runs. */
void api_exec(struct node *n, struct evhttp_request *req);

/* api_trace.c: GET .../trace. */
void api_trace(struct node *n, struct evhttp_request *req);

/* api_verify.c: GET .../verify, answers as routers have been compared. */
void api_verify(struct vnet *v, struct evhttp_request *req);

/* api_protocols.c: fills "protocols" into each router of the VNET object o by asking the guests,
 * then calls done. Guests that do not answer in time are left out. */
void api_protocols(struct vnet *v, json_t *o, void (*done)(void *arg, json_t *o), void *arg);

#endif
