/* SPDX-License-Identifier: Apache-2.0 */
#include "perf/sched_bench/bench.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

/* 64 bytes on the wire are 60 of frame; half of the packets are full, or nearly so. */
const uint16_t lengths[16] = { 60, 1514, 60, 1514, 576, 1514, 60,  1514,
			       90, 1514, 60, 1400, 300, 1514, 120, 1514 };

static const struct bench_case {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "fair", case_fair },
	{ "link", case_link },
	{ "share", case_share },
};

static const char usage[] =
	"Usage: weft-bench-sched CASE\n"
	"\n"
	"Measures the link scheduler, beside DPDK's, and the sharing of a worker's cycles. Writes\n"
	"raw figures as JSON. Needs root and 256 MiB of free huge pages; perf/run fair runs it\n"
	"with all that is needed.\n"
	"\n"
	"Cases:";

static const struct bench_case *case_find(const char *name)
{
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (!strcmp(cases[i].name, name))
			return &cases[i];
	return NULL;
}

/* On the last CPU that we may use, which has the fewest interrupts of the kernel's. */
static void start_eal(void)
{
	char cpu[16];
	char *argv[] = { "weft-bench-sched", "-l",	       cpu,
			 "--in-memory",	     "--no-pci",       "--iova-mode=va",
			 "--no-telemetry",   "--log-level=error" };
	cpu_set_t cpus;
	int last = 0;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		fatal("sched_getaffinity fails");
	for (int i = 0; i < CPU_SETSIZE; i++)
		last = CPU_ISSET(i, &cpus) ? i : last;
	snprintf(cpu, sizeof(cpu), "%d", last);
	if (rte_eal_init(sizeof(argv) / sizeof(argv[0]), argv) < 0)
		fatal("DPDK does not start: %s", rte_strerror(rte_errno));
}

int main(int argc, char **argv)
{
	const struct bench_case *c = argc == 2 ? case_find(argv[1]) : NULL;

	if (!c) {
		fputs(usage, stderr);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
			fprintf(stderr, " %s", cases[i].name);
		fputc('\n', stderr);
		return 2;
	}
	start_eal();
	out_begin(c->name);
	c->run();
	out_end("", "");
	return 0;
}
