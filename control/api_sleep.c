/* SPDX-License-Identifier: Apache-2.0 */
/* POST .../pause, .../resume and .../hibernate answer when it is done. */
#include "control/api_priv.h"
#include "control/vnet_sleep.h"

#include <errno.h>
#include <string.h>

static int status_of(int code)
{
	return code == -EBUSY || code == -ECANCELED ? 409 :
	       code == -EINVAL			     ? HTTP_BADREQUEST :
	       code == -ENOSPC			     ? 507 : HTTP_INTERNAL;
}

static void on_slept(void *arg, int code, const struct err *err, const struct vnet_slept *said)
{
	struct evhttp_request *req = arg;

	if (code)
		api_error(req, status_of(code), "%s", err->text);
	else
		api_reply(req, HTTP_OK,
			  json_pack("{s:I, s:I, s:I, s:f}", "routers", (json_int_t)said->routers,
				    "spread_us", (json_int_t)said->spread_us, "bytes",
				    (json_int_t)said->bytes, "seconds", said->seconds));
}

bool api_sleep(struct vnet *v, struct evhttp_request *req, const char *verb)
{
	static const char *const verbs[] = { [VNET_PAUSE] = "pause", [VNET_RESUME] = "resume",
					     [VNET_HIBERNATE] = "hibernate" };
	struct err err;
	int code;

	for (unsigned i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(verb, verbs[i]) != 0)
			continue;
		code = vnet_sleep(v, (enum vnet_verb)i, on_slept, req, &err);
		if (code)
			api_error(req, status_of(code), "%s", err.text);
		return true;
	}
	return false;
}
