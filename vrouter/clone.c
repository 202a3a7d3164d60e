/* SPDX-License-Identifier: Apache-2.0 */
#include "vrouter/clone_priv.h"

#include "base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define ARCHIVE "/run/weft/guest.cpio"

struct clone {
	struct session *session;
	struct buf archive;
	void (*done)(void *arg, int code, const char *why);
	void *arg;
	char said[200]; /* the script's last line */
	size_t said_len;
};

static void end(struct clone *c, int code, const char *why)
{
	c->done(c->arg, code, why); /* may destroy */
}

/* The end of what it said, which may come in parts. */
static void on_output(void *arg, int stream, const void *bytes, size_t len)
{
	struct clone *c = arg;
	const char *p = bytes;

	for (size_t i = 0; i < len; i++) {
		if (c->said_len && c->said[c->said_len - 1] == '\n')
			c->said_len = 0;
		if (c->said_len < sizeof(c->said) - 1)
			c->said[c->said_len++] = p[i] == '\n' || (p[i] >= 32 && p[i] < 127) ? p[i] : '?';
	}
	c->said[c->said_len] = 0;
}

static void on_script(void *arg, int status)
{
	struct clone *c = arg;
	char why[256];

	c->said[strcspn(c->said, "\n")] = 0;
	if (status == -ECONNRESET) /* the guest ended, and its owner knows */
		return;
	snprintf(why, sizeof(why), "%s", c->said[0] ? c->said : "it does not say why");
	if (status && status != 75) /* EX_TEMPFAIL: a refusal that the image means */
		snprintf(why, sizeof(why), "cloning failed with exit status %d: %.150s", status, c->said);
	end(c, status ? -EOPNOTSUPP : 0, why);
}

static void on_put(void *arg, int status)
{
	static const char *const argv[] = { "/bin/sh", "/usr/lib/weft/clone", NULL };
	struct clone *c = arg;
	const struct vrouter_exec_conf conf = {
		.argv = argv, .output = on_output, .done = on_script, .arg = c
	};
	struct vrouter_exec *x;
	struct err err;

	if (status == -ECONNRESET)
		return;
	buf_free(&c->archive);
	if (status)
		end(c, status, "its files cannot be written in the guest");
	else if (session_exec(c->session, &conf, &x, &err) < 0)
		end(c, -EIO, err.text);
}

static void on_clock(void *arg, int status)
{
	struct clone *c = arg;
	struct err err;

	if (status == -ECONNRESET) /* -ETIME: it is nearly right */
		return;
	if (session_put(c->session, ARCHIVE, 0600, c->archive.data, c->archive.len, on_put, c, &err) < 0)
		end(c, -EIO, err.text);
}

static void on_renewed(void *arg, int status)
{
	struct clone *c = arg;

	if (status == -ECONNRESET)
		return;
	/* The renewal set the clock too, but who knows how long the frame was on its way. */
	if (status)
		end(c, status, "its identity cannot be renewed");
	else if (session_clock(c->session, on_clock, c) < 0)
		end(c, -ENOMEM, "out of memory");
}

int clone_begin(struct session *session, const struct vrouter_conf *conf,
		void (*done)(void *arg, int code, const char *why), void *arg, struct clone **out)
{
	struct clone *c = calloc(1, sizeof(*c));
	struct agent_renew renew = { 0 };
	struct err err;
	int code;

	if (!c)
		return -ENOMEM;
	*c = (struct clone){ .session = session, .done = done, .arg = arg };
	code = image_guest_archive(&conf->guest, &c->archive, &err);
	if (!code && c->archive.bad)
		code = -ENOMEM;
	if (!code && getrandom(renew.seed, sizeof(renew.seed), 0) != sizeof(renew.seed))
		code = -EIO;
	memcpy(renew.machine_id, conf->guest.machine_id, sizeof(renew.machine_id));
	if (!code)
		code = session_renew(session, &renew, conf->guest.hostname, on_renewed, c);
	explicit_bzero(&renew, sizeof(renew));
	if (code) {
		clone_destroy(c);
		return code;
	}
	*out = c;
	return 0;
}

void clone_destroy(struct clone *c)
{
	if (!c)
		return;
	buf_free(&c->archive);
	free(c);
}

void clone_refusal(const struct vrouter_conf *conf, char *why, size_t size)
{
	why[0] = 0;
	if (conf->fpm)
		snprintf(why, size, "it has no agent (intake: fpm)");
	else if (conf->cold)
		snprintf(why, size, "the topology says boot: cold");
	else if (conf->cpus > 1)
		snprintf(why, size, "%u CPUs, the template has 1", conf->cpus);
	else if (conf->memory_mib && conf->memory_mib != conf->image->memory_mib)
		snprintf(why, size, "%u MiB of memory, the template has %u", conf->memory_mib,
			 conf->image->memory_mib);
	for (unsigned i = 0; !why[0] && i < conf->guest.nic_count; i++)
		if (conf->nics[i].vhost_user)
			snprintf(why, size, "attached by vhost-user, which needs memory of its own");
}
