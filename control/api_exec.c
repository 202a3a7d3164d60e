/* SPDX-License-Identifier: Apache-2.0 */
/* Commands in routers and hosts, their output streamed as one JSON object a line. */
#include "control/api_priv.h"
#include "control/base64.h"
#include "control/host.h"
#include "control/router.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

/* Output that waits for the client. Beyond the first a command in a host waits; a guest cannot be
 * made to wait, so beyond the second its command is ended. */
#define EXEC_PAUSE_BYTES (1u << 20)
#define EXEC_LIMIT_BYTES (64u << 20)
#define EXEC_LIMIT_OF_USER (4u << 20) /* who may have many of them */

struct exec {
	struct weftd *daemon;
	struct evhttp_request *req;
	struct command *command;    /* in a host */
	struct vrouter_exec *guest; /* in a router */
	struct event *overrun;	    /* the guest says more than the client takes */
	size_t limit;		    /* of what waits for the client */
};

/* All output has left. */
static void on_drained(struct evhttp_connection *con, void *arg)
{
	struct exec *x = arg;

	if (x->command)
		command_pause(x->command, false);
}

static void send_line(struct exec *x, json_t *o)
{
	struct evbuffer *line = evbuffer_new();
	char *text = json_dumps(o, JSON_COMPACT);

	if (line && text) {
		evbuffer_add_printf(line, "%s\n", text);
		evhttp_send_reply_chunk_with_cb(x->req, line, on_drained, x);
	}
	if (line)
		evbuffer_free(line);
	free(text);
	json_decref(o);
}

static size_t backlog(const struct exec *x)
{
	struct evhttp_connection *con = evhttp_request_get_connection(x->req);

	return con ? evbuffer_get_length(bufferevent_get_output(
			     evhttp_connection_get_bufferevent(con))) : 0;
}

static void on_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct exec *x = arg;
	char *text = base64_encode(bytes, len);
	size_t waiting;

	if (text)
		send_line(x, json_pack("{s:s}", stream == 1 ? "stdout" : "stderr", text));
	free(text);
	waiting = backlog(x);
	if (x->command && waiting > EXEC_PAUSE_BYTES)
		command_pause(x->command, true);
	/* Cancelling from within its own output would free what calls this. */
	if (x->guest && waiting > x->limit)
		event_active(x->overrun, 0, 0);
}

static void exec_free(struct exec *x)
{
	if (x && x->overrun)
		event_free(x->overrun);
	free(x);
}

static void on_closed(struct evhttp_connection *con, void *arg)
{
	struct exec *x = arg;

	if (x->command)
		command_cancel(x->command);
	if (x->guest)
		vrouter_exec_cancel(x->guest);
	/* libevent has cut the request off the connection and left it to us; but not when weftd ends
	 * and all connections with their requests are freed. */
	if (!event_base_got_exit(x->daemon->base))
		evhttp_send_reply_end(x->req);
	exec_free(x);
}

static void on_done(void *arg, int status)
{
	struct exec *x = arg;

	x->command = NULL;
	x->guest = NULL;
	evhttp_connection_set_closecb(evhttp_request_get_connection(x->req), NULL, NULL);
	if (status == -EFBIG)
		send_line(x, json_pack("{s:s}", "error", "ended: it says more than the client takes"));
	else if (status < 0)
		send_line(x, json_pack("{s:s+}", "error", "the guest did not run it: ",
				       strerror(-status)));
	else
		send_line(x, json_pack("{s:i}", "exit", status));
	evhttp_send_reply_end(x->req);
	exec_free(x);
}

static void on_overrun(evutil_socket_t fd, short what, void *arg)
{
	struct exec *x = arg;

	vrouter_exec_cancel(x->guest);
	on_done(x, -EFBIG);
}

static int start(struct exec *x, struct node *n, const char *const *argv, const void *input,
		 size_t len, struct err *err)
{
	int code;

	if (n->host) {
		struct command_conf conf = { .argv = argv, .input = input, .input_len = len,
					     .output = on_output, .done = on_done, .arg = x };

		return host_exec(n->host, &conf, &x->command, err);
	}
	struct vrouter_exec_conf conf = { .argv = argv,
					  .want_stdin = input != NULL,
					  .output = on_output, .done = on_done, .arg = x };

	code = router_exec(n->router, &conf, &x->guest, err);
	if (!code && input) {
		if (len)
			vrouter_exec_stdin(x->guest, input, len);
		vrouter_exec_stdin(x->guest, NULL, 0);
	}
	return code;
}

/* A NULL-terminated array of strings that live as long as body, or NULL. */
static const char **argv_of(json_t *body)
{
	json_t *list = json_object_get(body, "argv");
	size_t n = json_array_size(list);
	const char **argv = n ? calloc(n + 1, sizeof(*argv)) : NULL;

	for (size_t i = 0; argv && i < n; i++) {
		argv[i] = json_string_value(json_array_get(list, i));
		if (!argv[i]) {
			free(argv);
			return NULL;
		}
	}
	return argv;
}

void api_exec(struct node *n, struct evhttp_request *req)
{
	json_t *body = api_body(req);
	const char **argv = body ? argv_of(body) : NULL;
	const char *text = json_string_value(json_object_get(body, "stdin"));
	struct exec *x = calloc(1, sizeof(*x));
	void *input = NULL;
	size_t len = 0;
	struct err err;

	if (!body)
		goto out;
	if (x)
		x->overrun = event_new(n->vnet->daemon->base, -1, 0, on_overrun, x);
	if (!x || !x->overrun) {
		api_error(req, HTTP_INTERNAL, "out of memory");
		goto out;
	}
	if (!argv || (json_object_get(body, "stdin") && !text) ||
	    (text && base64_decode(text, &input, &len) < 0)) {
		api_error(req, HTTP_BADREQUEST, "exec needs argv, a list of strings; stdin is in base64");
		goto out;
	}
	x->req = req;
	x->daemon = n->vnet->daemon;
	x->limit = n->vnet->owner ? EXEC_LIMIT_OF_USER : EXEC_LIMIT_BYTES;
	if ((!n->host && !n->router) || start(x, n, argv, input, len, &err) < 0) {
		api_error(req, HTTP_SERVUNAVAIL, "%s: %s", n->spec->name,
			  n->host || n->router ? err.text : "runs no commands");
		goto out;
	}
	evhttp_connection_set_closecb(evhttp_request_get_connection(req), on_closed, x);
	evhttp_send_reply_start(req, HTTP_OK, "OK");
	x = NULL;
out:
	exec_free(x);
	free(argv);
	free(input);
	json_decref(body);
}
