/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_API_CALLS_H
#define CONTROL_API_CALLS_H

/*
 * Every call of the API and who may do it: what is not in this table is no call, for anybody. A vnet
 * that is another's is answered for as one that is not there.
 */

#include "control/user.h"

#include <event2/http.h>

enum api_who {
	API_OPERATOR, /* nobody else */
	API_OWNER,    /* of the vnet in the path, and the operator */
	API_NEW,      /* the same, or anybody where there is no such vnet yet */
	API_USER,     /* all; what is told is the user's own */
};

struct api_call {
	enum evhttp_cmd_type method;
	const char *path; /* each "*" is a name */
	enum api_who who;
};

extern const struct api_call api_calls[]; /* ends with a NULL path */

/* path: decoded. NULL: there is none; *known: but with another method. */
const struct api_call *api_call_find(enum evhttp_cmd_type method, const char *path, bool *known);

enum api_verdict { API_ALLOWED, API_FORBIDDEN, API_NO_VNET, API_TAKEN };

/* there, owner: of the vnet in the path, if one is (store_vnet_owner()). */
enum api_verdict api_judge(const struct api_call *call, const struct principal *who, bool there,
			   uint32_t owner);

#endif
