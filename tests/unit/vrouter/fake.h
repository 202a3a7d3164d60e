/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VROUTER_FAKE_H
#define TESTS_UNIT_VROUTER_FAKE_H

/* An intake that only counts what it is fed, for tests of the session alone. */
#include "vrouter/intake.h"

static struct {
	unsigned begins, ends, commits, netlinks;
	size_t bytes;
	uint32_t forward;
} fake_intake;

void intake_dump_begin(struct intake *in)
{
	fake_intake.begins++;
}

void intake_netlink(struct intake *in, const void *bytes, size_t len)
{
	fake_intake.netlinks++;
	fake_intake.bytes += len;
}

void intake_forward(struct intake *in, uint32_t flags)
{
	fake_intake.forward = flags;
}

void intake_dump_end(struct intake *in)
{
	fake_intake.ends++;
}

void intake_commit(struct intake *in)
{
	fake_intake.commits++;
}

#endif
