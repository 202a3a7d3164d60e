/* SPDX-License-Identifier: Apache-2.0 */
/* Commands and files over a session: each has an id, and its frames carry it. */
#include "vrouter/session_priv.h"

#include "base/buf.h"
#include "base/rd.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 32768, FILE_CHUNK = 49152 };

struct vrouter_exec *session_exec_add(struct session *s)
{
	struct vrouter_exec *x = calloc(1, sizeof(*x));

	if (!x)
		return NULL;
	x->session = s;
	x->id = ++s->last_id;
	x->next = s->execs;
	s->execs = x;
	return x;
}

static void drop(struct vrouter_exec *x)
{
	struct vrouter_exec **at = &x->session->execs;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	buf_free(&x->file);
	free(x);
}

void session_exec_end(struct vrouter_exec *x, int status)
{
	struct vrouter_exec_conf conf = x->conf;

	drop(x);
	if (conf.done)
		conf.done(conf.arg, status);
}

void session_exec_end_all(struct session *s)
{
	while (s->execs)
		session_exec_end(s->execs, -ECONNRESET);
}

/* Sends the next part of a file; one is under way at a time, so that little waits in memory. */
static void send_part(struct vrouter_exec *x)
{
	size_t left = x->file.len - x->path_len - x->sent, n = left < FILE_CHUNK ? left : FILE_CHUNK;
	struct agent_file head = { .mode = x->mode, .flags = x->sent ? AGENT_FILE_APPEND : 0 };
	struct buf b = { 0 };

	buf_put(&b, &head, sizeof(head));
	buf_put(&b, x->file.data, x->path_len);
	buf_put(&b, x->file.data + x->path_len + x->sent, n);
	if (b.bad) {
		session_exec_end(x, -ENOMEM);
		return;
	}
	x->sent += n;
	session_send(x->session, AGENT_FILE, x->id, b.data, b.len);
	buf_free(&b);
}

static void file_answer(struct vrouter_exec *x, int status)
{
	if (status == 0 && x->sent < x->file.len - x->path_len)
		send_part(x);
	else
		session_exec_end(x, status);
}

static void take_exit(struct vrouter_exec *x, const struct agent_frame *h, const uint8_t *payload)
{
	struct rd r = rd_of(payload, h->len);
	int32_t status = (int32_t)rd_u32(&r);

	if (r.bad)
		status = -EBADMSG;
	if (!x->answer)
		session_exec_end(x, status);
	else /* an error number, of whichever sign */
		x->answer(x, status > 0 ? -status : status);
}

void session_exec_frame(struct session *s, const struct agent_frame *h, const uint8_t *payload)
{
	struct vrouter_exec *x = s->execs;

	while (x && x->id != h->id)
		x = x->next;
	if (!x)
		return;
	if (h->type == AGENT_EXIT)
		take_exit(x, h, payload);
	else if (x->conf.output)
		x->conf.output(x->conf.arg, h->type == AGENT_STDOUT ? 1 : 2, payload, h->len);
}

static uint16_t put_strings(struct buf *b, const char *const *list)
{
	uint16_t n = 0;

	for (; list && list[n] && n < UINT16_MAX; n++)
		buf_put(b, list[n], strlen(list[n]) + 1);
	return n;
}

int session_exec(struct session *s, const struct vrouter_exec_conf *conf,
		 struct vrouter_exec **out, struct err *err)
{
	struct agent_exec head = { .flags = conf->want_stdin ? AGENT_EXEC_STDIN : 0 };
	struct vrouter_exec *x;
	struct buf b = { 0 };
	int code = 0;

	if (!s->welcomed)
		return err_set(err, -EAGAIN, "the guest does not answer yet");
	buf_put(&b, &head, sizeof(head));
	head.argc = put_strings(&b, conf->argv);
	head.envc = put_strings(&b, conf->env);
	if (!head.argc)
		code = err_set(err, -EINVAL, "no command given");
	else if (b.len > AGENT_FRAME_MAX)
		code = err_set(err, -E2BIG, "the command is longer than %u bytes", AGENT_FRAME_MAX);
	x = code || b.bad ? NULL : session_exec_add(s);
	if (x) {
		memcpy(b.data, &head, sizeof(head));
		x->conf = *conf;
		session_send(s, AGENT_EXEC, x->id, b.data, b.len);
		*out = x;
	} else if (!code) {
		code = err_sys(err, -ENOMEM, "exec");
	}
	buf_free(&b);
	return code;
}

int session_put(struct session *s, const char *path, unsigned mode, const void *bytes, size_t len,
		void (*done)(void *arg, int status), void *arg, struct err *err)
{
	struct vrouter_exec *x;

	if (!s->welcomed)
		return err_set(err, -EAGAIN, "the guest does not answer yet");
	if (path[0] != '/' || strlen(path) >= 4096)
		return err_set(err, -EINVAL, "%.64s: not an absolute path of under 4096 bytes", path);
	x = session_exec_add(s);
	if (!x)
		return err_sys(err, -ENOMEM, "%s", path);
	x->conf = (struct vrouter_exec_conf){ .done = done, .arg = arg };
	x->answer = file_answer;
	x->mode = mode;
	x->path_len = strlen(path) + 1;
	buf_put(&x->file, path, x->path_len);
	buf_put(&x->file, bytes, len);
	if (x->file.bad) {
		drop(x);
		return err_sys(err, -ENOMEM, "%s", path);
	}
	send_part(x);
	return 0;
}

void vrouter_exec_stdin(struct vrouter_exec *x, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	if (!len)
		session_send(x->session, AGENT_STDIN, x->id, NULL, 0);
	while (len) {
		size_t n = len < CHUNK ? len : CHUNK;

		session_send(x->session, AGENT_STDIN, x->id, p, n);
		p += n;
		len -= n;
	}
}

void vrouter_exec_cancel(struct vrouter_exec *x)
{
	uint32_t sig = SIGKILL;

	session_send(x->session, AGENT_KILL, x->id, &sig, sizeof(sig));
	drop(x);
}
