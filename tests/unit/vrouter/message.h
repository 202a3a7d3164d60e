/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VROUTER_MESSAGE_H
#define TESTS_UNIT_VROUTER_MESSAGE_H

/* rtnetlink messages made by hand: attributes first, then what says them. */
#include "base/buf.h"
#include "vrouter/intake.h"

#include <linux/netlink.h>

/* Attributes of the message that is being made. */
static struct buf attrs;

static inline void attr(uint16_t type, const void *p, size_t len)
{
	buf_u16(&attrs, (uint16_t)(len + 4));
	buf_u16(&attrs, type);
	buf_put(&attrs, p, len);
	buf_reserve(&attrs, (4 - len % 4) % 4);
}

static inline void attr32(uint16_t type, uint32_t v)
{
	attr(type, &v, 4);
}

static inline void say_to(struct intake *in, uint16_t type, uint16_t flags, const void *head, size_t len)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = flags,
			      .nlmsg_len = (uint32_t)(16 + len + attrs.len) };
	struct buf b = { 0 };

	buf_put(&b, &h, sizeof(h));
	buf_put(&b, head, len);
	buf_put(&b, attrs.data, attrs.len);
	intake_netlink(in, b.data, b.len);
	buf_free(&b);
	buf_reset(&attrs);
}

#endif
