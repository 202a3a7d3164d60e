/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qmp_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>

enum qmp_state { QMP_GREETING, QMP_CAPABILITIES, QMP_READY };

struct qmp {
	struct evbuffer *out;
	const struct qmp_ops *ops;
	void *arg;
	enum qmp_state state;
};

struct qmp *qmp_create(struct evbuffer *out, const struct qmp_ops *ops, void *arg)
{
	struct qmp *q = calloc(1, sizeof(*q));

	if (q)
		*q = (struct qmp){ .out = out, .ops = ops, .arg = arg };
	return q;
}

void qmp_destroy(struct qmp *q)
{
	free(q);
}

static int send_command(struct qmp *q, const char *name, json_t *args)
{
	json_t *o = args ? json_pack("{s:s, s:o}", "execute", name, "arguments", args) :
			   json_pack("{s:s}", "execute", name);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int code = -ENOMEM;

	json_decref(o);
	if (text && evbuffer_add(q->out, text, strlen(text)) == 0 &&
	    evbuffer_add(q->out, "\n", 1) == 0)
		code = 0;
	free(text);
	return code;
}

int qmp_command(struct qmp *q, const char *name, json_t *args)
{
	if (q->state != QMP_READY) {
		json_decref(args);
		return -EAGAIN;
	}
	return send_command(q, name, args);
}

static int take_reply(struct qmp *q, const json_t *error)
{
	const char *text = json_string_value(json_object_get(error, "desc"));

	switch (q->state) {
	case QMP_GREETING: /* an answer to nothing */
		return -EBADMSG;
	case QMP_CAPABILITIES:
		if (error)
			return -EBADMSG;
		q->state = QMP_READY;
		q->ops->ready(q->arg);
		return 0;
	default:
		if (error)
			q->ops->refused(q->arg, text ? text : "no reason given");
		return 0;
	}
}

static int take(struct qmp *q, const json_t *msg)
{
	const json_t *error = json_object_get(msg, "error");
	const char *event = json_string_value(json_object_get(msg, "event"));

	if (event) {
		q->ops->event(q->arg, event, json_object_get(msg, "data"));
		return 0;
	}
	if (error || json_object_get(msg, "return"))
		return take_reply(q, error);
	if (q->state != QMP_GREETING || !json_object_get(msg, "QMP"))
		return -EBADMSG;
	q->state = QMP_CAPABILITIES;
	return send_command(q, "qmp_capabilities", NULL);
}

int qmp_input(struct qmp *q, struct evbuffer *in)
{
	for (;;) {
		size_t len = 0;
		char *line = evbuffer_readln(in, &len, EVBUFFER_EOL_LF);
		json_t *msg;
		int code;

		if (!line)
			return evbuffer_get_length(in) > QMP_LINE_MAX ? -EBADMSG : 0;
		msg = len > QMP_LINE_MAX ? NULL : json_loadb(line, len, 0, NULL);
		free(line);
		code = json_is_object(msg) ? take(q, msg) : -EBADMSG;
		json_decref(msg);
		if (code)
			return code;
	}
}
