/* SPDX-License-Identifier: Apache-2.0 */
#include "control/api_calls.h"

#include <string.h>

const struct api_call api_calls[] = {
	{ EVHTTP_REQ_GET, "/v1/version", API_USER },
	{ EVHTTP_REQ_GET, "/v1/vnets", API_USER },
	{ EVHTTP_REQ_GET, "/v1/vnets/*", API_OWNER },
	{ EVHTTP_REQ_PUT, "/v1/vnets/*", API_NEW },
	{ EVHTTP_REQ_DELETE, "/v1/vnets/*", API_OWNER },
	{ EVHTTP_REQ_POST, "/v1/vnets/*/pause", API_OWNER },
	{ EVHTTP_REQ_POST, "/v1/vnets/*/hibernate", API_OWNER },
	{ EVHTTP_REQ_POST, "/v1/vnets/*/resume", API_OWNER },
	{ EVHTTP_REQ_GET, "/v1/vnets/*/verify", API_OWNER },
	{ EVHTTP_REQ_POST, "/v1/vnets/*/nodes/*/exec", API_OWNER },
	{ EVHTTP_REQ_POST, "/v1/vnets/*/nodes/*/restart", API_OWNER },
	/* Their answer is a socket of the machine, which is the operator's. */
	{ EVHTTP_REQ_GET, "/v1/vnets/*/nodes/*/console", API_OPERATOR },
	{ EVHTTP_REQ_GET, "/v1/vnets/*/nodes/*/debug", API_OPERATOR },
	{ EVHTTP_REQ_GET, "/v1/vnets/*/nodes/*/routes", API_OWNER },
	{ EVHTTP_REQ_GET, "/v1/vnets/*/nodes/*/trace", API_OWNER },
	{ EVHTTP_REQ_POST, "/v1/vnets/*/links/*", API_OWNER },
	{ EVHTTP_REQ_GET, "/v1/users", API_USER },
	{ EVHTTP_REQ_PUT, "/v1/users/*", API_OPERATOR },
	{ EVHTTP_REQ_POST, "/v1/users/*", API_OPERATOR },
	{ EVHTTP_REQ_DELETE, "/v1/users/*", API_OPERATOR },
	{ EVHTTP_REQ_POST, "/v1/users/*/token", API_OPERATOR },
	{ EVHTTP_REQ_GET, "/v1/engine", API_OPERATOR },
	{ EVHTTP_REQ_GET, "/v1/ports", API_OPERATOR },
	{ EVHTTP_REQ_POST, "/v1/ports/reload", API_OPERATOR },
	{ EVHTTP_REQ_GET, "/v1/events", API_USER },
	{ EVHTTP_REQ_GET, "/metrics", API_USER },
	{ EVHTTP_REQ_POST, "/v1/shutdown", API_OPERATOR },
	{ 0 },
};

/* Segment by segment; a name is not empty. */
static bool matches(const char *pattern, const char *path)
{
	for (;;) {
		size_t n = strcspn(path, "/"), m = strcspn(pattern, "/");
		bool any = m == 1 && *pattern == '*';

		if (any ? !n : n != m || strncmp(pattern, path, n) != 0)
			return false;
		if (!pattern[m] || !path[n])
			return !pattern[m] && !path[n];
		pattern += m + 1;
		path += n + 1;
	}
}

const struct api_call *api_call_find(enum evhttp_cmd_type method, const char *path, bool *known)
{
	*known = false;
	for (const struct api_call *c = api_calls; c->path; c++) {
		if (!matches(c->path, path))
			continue;
		*known = true;
		if (c->method == method)
			return c;
	}
	return NULL;
}

enum api_verdict api_judge(const struct api_call *call, const struct principal *who, bool there,
			   uint32_t owner)
{
	bool mine = there && owner == who->user;

	if (!who->user || call->who == API_USER)
		return API_ALLOWED;
	if (call->who == API_OWNER)
		return mine ? API_ALLOWED : API_NO_VNET;
	if (call->who == API_NEW)
		return !there || mine ? API_ALLOWED : API_TAKEN;
	/* Whether there is such a vnet is not told by this either. */
	return API_FORBIDDEN;
}
