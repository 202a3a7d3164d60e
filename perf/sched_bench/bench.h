/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PERF_SCHED_BENCH_BENCH_H
#define PERF_SCHED_BENCH_BENCH_H

/*
 * weft-bench-sched: the scheduler of a link and the sharing of a worker's cycles, one case a
 * process. Raw figures go to standard output as JSON, as those of weft-bench-fib; perf/fair.py
 * judges them.
 */

#include "perf/fib_bench/bench.h" /* out.c */

#include <stdint.h>

enum { VNETS = 256, QUEUES = 4 }; /* flows in each */

/* Frame lengths without checksum, in turn: what a link carries, by number of packets. */
extern const uint16_t lengths[16];

void case_link(void);  /* the cost beside DPDK's rte_sched */
void case_fair(void);  /* shares in virtual time */
void case_share(void); /* the cost of sharing when there is enough for all */

#endif
