/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/session_priv.h"

#include <errno.h>

static void sync_answer(struct vrouter_exec *x, int status)
{
	struct session *s = x->session;

	if (!status && (s->dumping || s->unsure || !s->watching))
		status = -EAGAIN;
	if (!status)
		intake_commit(s->intake);
	session_exec_end(x, status);
}

int session_sync(struct session *s, void (*done)(void *arg, int status), void *arg,
		 struct vrouter_exec **out)
{
	struct vrouter_exec *x;

	if (!s->watching || s->dumping || s->unsure)
		return -EAGAIN;
	x = session_exec_add(s);
	if (!x)
		return -ENOMEM;
	x->conf = (struct vrouter_exec_conf){ .done = done, .arg = arg };
	x->answer = sync_answer;
	session_send(s, AGENT_SYNC, x->id, NULL, 0);
	*out = x;
	return 0;
}
