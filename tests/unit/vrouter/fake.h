/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VROUTER_FAKE_H
#define TESTS_UNIT_VROUTER_FAKE_H

/* An intake that only counts what it is fed, for tests of the session alone. */
#include "vrouter/intake.h"

#include <time.h>

static struct {
	unsigned begins, agains, ends, commits, netlinks;
	size_t bytes;
	uint32_t forward;
	unsigned burn_ms; /* what a message costs */
} fake_intake;

void intake_dump_begin(struct intake *in)
{
	fake_intake.begins++;
}

void intake_dump_again(struct intake *in, uint16_t type, uint8_t af)
{
	fake_intake.agains += type == 26 && af == 10;
}

void intake_netlink(struct intake *in, const void *bytes, size_t len)
{
	clock_t since = clock();

	fake_intake.netlinks++;
	fake_intake.bytes += len;
	while ((clock() - since) * 1000 / CLOCKS_PER_SEC < (clock_t)fake_intake.burn_ms)
		;
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
