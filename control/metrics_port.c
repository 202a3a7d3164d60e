/* SPDX-License-Identifier: Apache-2.0 */
#include "control/metrics_port.h"

#include "base/log.h"
#include "control/api_priv.h"

#include <errno.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_S 30 /* for a client that neither speaks nor reads */

struct metrics_port {
	struct weftd *daemon;
	struct evhttp *http;
};

static bool is_loopback(const struct sockaddr_storage *a)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)a;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)a;

	if (a->ss_family == AF_INET)
		return v4->sin_port && ntohl(v4->sin_addr.s_addr) >> 24 == 127;
	return v6->sin6_port && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct metrics_port *p = arg;
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;

	const char *token = evhttp_find_header(evhttp_request_get_input_headers(req), "Authorization");
	struct principal who = { .user = 0 };

	if (token && !user_by_header(p->daemon->store, token, &who))
		api_error(req, 401, "the token is nobody's");
	else if (path && !strcmp(path, "/metrics"))
		api_metrics(p->daemon, req, &who);
	else
		api_error(req, HTTP_NOTFOUND, "there is only /metrics here");
}

int metrics_port_create(struct weftd *d, const char *address, struct metrics_port **out,
			struct err *err)
{
	struct sockaddr_storage a = { 0 };
	int len = sizeof(a), code;
	struct evconnlistener *listener;
	struct metrics_port *p;

	if (evutil_parse_sockaddr_port(address, (struct sockaddr *)&a, &len) < 0 || !is_loopback(&a))
		return err_set(err, -EINVAL, "WEFT_METRICS=%s: it is to be a loopback address and a port, "
			       "as 127.0.0.1:9551; for others put a proxy with TLS before it", address);
	p = calloc(1, sizeof(*p));
	if (p)
		p->http = evhttp_new(d->base);
	if (!p || !p->http) {
		metrics_port_destroy(p);
		return err_sys(err, -ENOMEM, "WEFT_METRICS");
	}
	p->daemon = d;
	evhttp_set_allowed_methods(p->http, EVHTTP_REQ_GET);
	evhttp_set_max_body_size(p->http, 0);
	evhttp_set_max_headers_size(p->http, 16384);
	evhttp_set_timeout(p->http, TIMEOUT_S);
	evhttp_set_gencb(p->http, on_request, p);
	listener = evconnlistener_new_bind(d->base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE |
					   LEV_OPT_CLOSE_ON_EXEC | LEV_OPT_REUSEABLE, 128,
					   (struct sockaddr *)&a, len);
	if (!listener || !evhttp_bind_listener(p->http, listener)) {
		code = listener ? -ENOMEM : -errno;
		if (listener)
			evconnlistener_free(listener);
		metrics_port_destroy(p);
		return err_sys(err, code, "WEFT_METRICS=%s", address);
	}
	log_info("metrics at http://%s/metrics", address);
	*out = p;
	return 0;
}

void metrics_port_destroy(struct metrics_port *p)
{
	if (!p)
		return;
	if (p->http)
		evhttp_free(p->http);
	free(p);
}
