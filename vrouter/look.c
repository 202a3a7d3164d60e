/* SPDX-License-Identifier: Apache-2.0 */
/* A look at the guest's kernel: a dump by a command in the guest, then the intake's catching up. */
#include "vrouter/look_priv.h"
#include "vrouter/vrouter_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct vrouter_look {
	struct session *session;
	struct vrouter_exec *exec; /* the command, then the session_sync() */
	struct look_stream stream;
	vrouter_look_cb done;
	void *arg;
	char said[200]; /* by the command, last, to stderr */
};

static void frame(void *arg, const struct agent_frame *f, const uint8_t *payload)
{
	struct rd r = rd_of(payload, f->len);
	struct look_stream *s = arg;
	struct agent_again again;
	uint32_t flags;

	if (f->nonce != AGENT_DUMP_NONCE || s->ended || (!s->begun && f->type != AGENT_DUMP_BEGIN))
		return;
	switch (f->type) {
	case AGENT_DUMP_BEGIN: /* another one: it had lost something */
		s->begun = true;
		intake_dump_begin(s->kernel);
		break;
	case AGENT_NETLINK:
		intake_netlink(s->kernel, payload, f->len);
		break;
	case AGENT_DUMP_AGAIN:
		rd_copy(&r, &again, sizeof(again));
		if (!r.bad)
			intake_dump_again(s->kernel, again.type, again.family);
		break;
	case AGENT_FORWARD:
		flags = rd_u32(&r);
		if (!r.bad)
			intake_forward(s->kernel, flags);
		break;
	case AGENT_DUMP_END:
		s->ended = true;
		intake_dump_end(s->kernel);
		break;
	}
}

void look_feed(struct look_stream *s, const void *bytes, size_t len)
{
	host_feed(&s->frames, bytes, len, frame, s);
}

void look_fini(struct look_stream *s)
{
	host_reset(&s->frames);
}

static void free_look(struct vrouter_look *l)
{
	if (l->stream.kernel)
		intake_destroy(l->stream.kernel);
	look_fini(&l->stream);
	free(l);
}

static void finish(struct vrouter_look *l, int status, const char *why)
{
	struct intake *kernel = status ? NULL : l->stream.kernel;

	if (kernel)
		l->stream.kernel = NULL;
	l->done(l->arg, status, kernel, status ? why : NULL);
	free_look(l);
}

static void on_synced(void *arg, int status)
{
	finish(arg, status, status == -ECONNRESET ? "the guest's session has ended" :
			    "its routes are being read anew");
}

static void on_dumped(void *arg, int status)
{
	struct vrouter_look *l = arg;
	char why[300];

	l->exec = NULL;
	if (status == -ECONNRESET || status == -EAGAIN) {
		finish(l, status, "the guest's session has ended");
		return;
	}
	if (status || !l->stream.ended) {
		snprintf(why, sizeof(why), "its agent cannot tell what the kernel has (status %d%s%s)",
			 status, l->said[0] ? ": " : "", l->said);
		finish(l, -EOPNOTSUPP, why);
		return;
	}
	status = session_sync(l->session, on_synced, l, &l->exec);
	if (status)
		on_synced(l, status);
}

static void on_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct vrouter_look *l = arg;

	if (stream == 1)
		look_feed(&l->stream, bytes, len);
	else
		snprintf(l->said, sizeof(l->said), "%.*s", (int)(len < 150 ? len : 150),
			 (const char *)bytes);
}

int vrouter_look(struct vrouter *v, vrouter_look_cb done, void *arg, struct vrouter_look **out,
		 struct err *err)
{
	static const char *const argv[] = { "/usr/sbin/weft-agent", "dump", NULL };
	struct vrouter_exec_conf conf = { .argv = argv, .output = on_output, .done = on_dumped };
	struct vrouter_look *l = calloc(1, sizeof(*l));
	int code;

	if (!l)
		return err_sys(err, -ENOMEM, "%s", v->conf->name);
	*l = (struct vrouter_look){ .session = v->session, .done = done, .arg = arg };
	conf.arg = l;
	code = intake_twin(v->intake, &l->stream.kernel);
	if (code)
		err_sys(err, code, "%s", v->conf->name);
	else
		code = vrouter_exec(v, &conf, &l->exec, err);
	if (code) {
		free_look(l);
		return code;
	}
	*out = l;
	return 0;
}

void vrouter_look_cancel(struct vrouter_look *l)
{
	if (l->exec)
		vrouter_exec_cancel(l->exec);
	free_look(l);
}
