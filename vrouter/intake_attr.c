/* SPDX-License-Identifier: Apache-2.0 */
/* Attributes of rtnetlink messages, read with bounds. */
#include "vrouter/intake_priv.h"

#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>

bool attrs_parse(struct rd r, struct attrs *a)
{
	memset(a, 0, sizeof(*a));
	while (r.left >= sizeof(struct nlattr)) {
		uint16_t len = rd_u16(&r), type = rd_u16(&r) & NLA_TYPE_MASK;
		struct rd body;

		if (len < NLA_HDRLEN)
			return false;
		body = rd_sub(&r, len - NLA_HDRLEN);
		if (r.bad)
			return false;
		len = (uint16_t)(NLA_ALIGN(len) - len);
		rd_skip(&r, len < r.left ? len : r.left);
		if (type < ATTRS_MAX)
			a->at[type] = body;
		else
			a->unknown = true;
	}
	return true;
}

bool attr_u32(const struct attrs *a, unsigned type, uint32_t *out)
{
	struct rd r = a->at[type];
	uint32_t v;

	if (!r.p)
		return false;
	v = rd_u32(&r);
	if (!r.bad)
		*out = v;
	return !r.bad;
}

void attr_text(const struct attrs *a, unsigned type, char *to, size_t size)
{
	struct rd r = a->at[type];
	size_t n = r.p ? strnlen((const char *)r.p, r.left) : 0;

	n = n < size ? n : size - 1;
	if (n)
		memcpy(to, r.p, n);
	to[n] = 0;
}

bool attr_mac(const struct attrs *a, unsigned type, uint8_t mac[6])
{
	if (!a->at[type].p || a->at[type].left != 6)
		return false;
	memcpy(mac, a->at[type].p, 6);
	return true;
}

int family_of(uint8_t af)
{
	return af == AF_INET ? 4 : af == AF_INET6 ? 6 : 0;
}

unsigned bytes_of(unsigned family)
{
	return family == 6 ? 16 : 4;
}

bool attr_ip(const struct attrs *a, unsigned type, unsigned family, uint8_t to[16])
{
	memset(to, 0, 16);
	if (!a->at[type].p || a->at[type].left != bytes_of(family))
		return false;
	memcpy(to, a->at[type].p, bytes_of(family));
	return true;
}
