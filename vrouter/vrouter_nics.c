/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A running guest's NICs become other ports. The machine has them from its start, so this is a matter
 * of names, addresses and MTUs, which the agent gives them.
 */
#include "vrouter/vrouter_conf_priv.h"
#include "vrouter/vrouter_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define NICS "/run/weft/nics"

void vrouter_intake_port(const struct vrouter_conf *conf, unsigned nic, struct intake_port *out)
{
	static const uint8_t none[6];
	const struct image_nic *n = nic < conf->guest.nic_count ? &conf->guest.nics[nic] : NULL;

	memset(out, 0, sizeof(*out));
	if (!n || !n->mtu)
		return;
	memcpy(out->mac, memcmp(n->as, none, 6) ? n->as : n->mac, 6);
	memcpy(out->hw, n->mac, 6);
	out->mtu = n->mtu;
	snprintf(out->name, sizeof(out->name), "%s", n->name);
}

static void tell(struct vrouter *v);

/* The answer to what was told; the guest's end is no answer: the next session tells it again. */
static void told(struct vrouter *v, int status)
{
	uint64_t nics = v->telling, again = v->untold; /* what has become another port meanwhile */

	v->telling = 0;
	if (status)
		v->untold |= nics;
	if (status == -ECONNRESET)
		return;
	v->conf->plugged(v->conf->sink_arg, nics & ~again, status);
	if (!status)
		tell(v);
}

static void on_named(void *arg, int status)
{
	told(arg, status);
}

static void on_put(void *arg, int status)
{
	static const char *const argv[] = { "/usr/sbin/weft-agent", "nics", NICS, NULL };
	struct vrouter *v = arg;
	const struct vrouter_exec_conf conf = { .argv = argv, .done = on_named, .arg = v };
	struct vrouter_exec *x;
	struct err err;

	if (!status)
		status = session_exec(v->session, &conf, &x, &err);
	if (status)
		told(v, status);
}

static void tell(struct vrouter *v)
{
	struct buf text = { 0 };
	struct err err;
	int code;

	if (v->state != VROUTER_READY || v->telling || !v->untold)
		return;
	for (unsigned i = 0; i < v->conf->guest.nic_count; i++)
		if (v->untold >> i & 1)
			image_nic_line(&v->conf->guest.nics[i], &text);
	v->telling = v->untold;
	v->untold = 0;
	code = text.bad ? -ENOMEM :
			  session_put(v->session, NICS, 0600, text.data, text.len, on_put, v, &err);
	buf_free(&text);
	if (!code)
		return;
	v->untold = v->telling; /* its agent does not answer now, and will begin a session when it does */
	v->telling = 0;
}

void vrouter_tell_nics(struct vrouter *v)
{
	tell(v);
}

int vrouter_set_nics(struct vrouter *v, unsigned count, const struct hv_nic *nics,
		     const struct image_nic *as, uint64_t changed)
{
	int code = vrouter_conf_set_nics(v->conf, count, nics, as);

	if (code)
		return code;
	for (unsigned i = 0; i < HV_PORTS_MAX; i++) {
		struct intake_port port;

		vrouter_intake_port(v->conf, i, &port);
		intake_set_port(v->intake, i, &port);
	}
	intake_commit(v->intake);
	v->untold = changed;
	tell(v);
	return 0;
}
