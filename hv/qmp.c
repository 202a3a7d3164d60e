/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/qmp_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

enum qmp_state { QMP_GREETING, QMP_CAPABILITIES, QMP_READY };

/* A command that is not answered yet. */
struct waiting {
	TAILQ_ENTRY(waiting) link;
	json_int_t id;
	qmp_reply_cb reply;
};

struct qmp {
	struct evbuffer *out;
	const struct qmp_ops *ops;
	void *arg;
	enum qmp_state state;
	json_int_t id; /* of the last command */
	TAILQ_HEAD(, waiting) waiting;
};

struct qmp *qmp_create(struct evbuffer *out, const struct qmp_ops *ops, void *arg)
{
	struct qmp *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	*q = (struct qmp){ .out = out, .ops = ops, .arg = arg };
	TAILQ_INIT(&q->waiting);
	return q;
}

void qmp_destroy(struct qmp *q)
{
	struct waiting *w;

	while (q && (w = TAILQ_FIRST(&q->waiting))) {
		TAILQ_REMOVE(&q->waiting, w, link);
		free(w);
	}
	free(q);
}

static int send_command(struct qmp *q, const char *name, json_t *args)
{
	json_t *o = args ? json_pack("{s:s, s:I, s:o}", "execute", name, "id", ++q->id, "arguments",
				     args) :
			   json_pack("{s:s, s:I}", "execute", name, "id", ++q->id);
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	int code = -ENOMEM;

	json_decref(o);
	if (text && evbuffer_add(q->out, text, strlen(text)) == 0 &&
	    evbuffer_add(q->out, "\n", 1) == 0)
		code = 0;
	free(text);
	return code;
}

int qmp_command(struct qmp *q, const char *name, json_t *args, qmp_reply_cb reply)
{
	struct waiting *w;
	int code;

	if (q->state != QMP_READY) {
		json_decref(args);
		return -EAGAIN;
	}
	w = malloc(sizeof(*w));
	if (!w) {
		json_decref(args);
		return -ENOMEM;
	}
	code = send_command(q, name, args);
	if (code) {
		free(w);
		return code;
	}
	*w = (struct waiting){ .id = q->id, .reply = reply };
	TAILQ_INSERT_TAIL(&q->waiting, w, link);
	return 0;
}

static int answer(struct qmp *q, const json_t *msg, const char *refused)
{
	json_t *id = json_object_get(msg, "id");
	struct waiting *w;
	qmp_reply_cb reply;

	TAILQ_FOREACH(w, &q->waiting, link)
		if (json_is_integer(id) && w->id == json_integer_value(id))
			break;
	if (!w)
		return -EBADMSG; /* an answer to nothing */
	reply = w->reply;
	TAILQ_REMOVE(&q->waiting, w, link);
	free(w);
	if (reply)
		reply(q->arg, json_object_get(msg, "return"), refused);
	else if (refused)
		q->ops->refused(q->arg, refused);
	return 0;
}

static int take_reply(struct qmp *q, const json_t *msg, const json_t *error)
{
	const char *text = json_string_value(json_object_get(error, "desc"));

	switch (q->state) {
	case QMP_GREETING:
		return -EBADMSG;
	case QMP_CAPABILITIES:
		if (error)
			return -EBADMSG;
		q->state = QMP_READY;
		q->ops->ready(q->arg);
		return 0;
	default:
		return answer(q, msg, error ? text ? text : "no reason given" : NULL);
	}
}

static int64_t instant_of(const json_t *msg)
{
	const json_t *t = json_object_get(msg, "timestamp");
	json_int_t s = json_integer_value(json_object_get(t, "seconds"));
	json_int_t us = json_integer_value(json_object_get(t, "microseconds"));

	/* -1 where QEMU could not read its clock */
	return s <= 0 || s > INT32_MAX * (json_int_t)64 || us < 0 || us > 999999 ? 0 : s * 1000000 + us;
}

static int take(struct qmp *q, const json_t *msg)
{
	const json_t *error = json_object_get(msg, "error");
	const char *event = json_string_value(json_object_get(msg, "event"));

	if (event) {
		q->ops->event(q->arg, event, json_object_get(msg, "data"), instant_of(msg));
		return 0;
	}
	if (error || json_object_get(msg, "return"))
		return take_reply(q, msg, error);
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
