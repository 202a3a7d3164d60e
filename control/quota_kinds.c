/* SPDX-License-Identifier: Apache-2.0 */
/* What quotas there are: all that programs other than weftd know of them. */
#include "control/quota.h"

const struct quota_info quota_infos[QUOTA_COUNT] = {
#define QUOTA_INFO(id, name, what, parts) [QUOTA_##id] = { name, what, parts },
	QUOTAS(QUOTA_INFO)
#undef QUOTA_INFO
};

const struct quota quota_none = { .most = { [0 ... QUOTA_COUNT - 1] = QUOTA_NONE } };
