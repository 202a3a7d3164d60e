/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weft-bench-intake: weftd's end of the engine's API, sending records to an engine that runs.
 * Writes the seconds from the first record handed to it until the engine has applied the last.
 */
#include "base/file.h"
#include "base/log.h"
#include "control/engine.h"
#include "control/stats.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct bench {
	struct event_base *base;
	struct engine *engine;
	const uint8_t *records;
	size_t len;
	double began, took;
	bool failed;
};

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void on_stats(void *arg, const struct buf *results)
{
	struct bench *b = arg;

	b->took = now() - b->began;
	b->failed = b->failed || !results->len;
	event_base_loopbreak(b->base);
}

static void on_up(void *arg, bool fresh)
{
	struct bench *b = arg;
	struct dp_record rec;

	b->began = now();
	for (size_t at = 0; at < b->len; at += rec.len) {
		memcpy(&rec, b->records + at, sizeof(rec));
		engine_send(b->engine, rec.op, b->records + at, rec.len, -1);
	}
	/* An answer that comes after all others. */
	stats_ask(b->engine, STATS_ALL, on_stats, b);
}

static void on_refused(void *arg, const struct dp_id *bad, const char *why)
{
	struct bench *b = arg;

	fprintf(stderr, "weft-bench-intake: %s\n", why);
	b->failed = true;
}

/* The records are those of a file that perf/intake.py wrote a moment ago. */
static int run(struct bench *b, const char *socket)
{
	struct engine_conf conf = { .socket = socket, .program = "/nonexistent", .log = "/dev/null",
				    .up = on_up, .refused = on_refused, .arg = b };
	struct err err;

	b->base = conf.base = event_base_new();
	if (engine_create(&conf, &b->engine, &err) < 0) {
		fprintf(stderr, "weft-bench-intake: %s\n", err.text);
		return 1;
	}
	engine_start(b->engine);
	event_base_dispatch(b->base);
	engine_destroy(b->engine);
	event_base_free(b->base);
	if (!b->failed)
		printf("%.6f\n", b->took);
	return b->failed;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	struct buf records = { 0 };
	struct err err;
	int rc;

	if (argc != 3) {
		fputs("usage: weft-bench-intake SOCKET RECORDS\n", stderr);
		return 2;
	}
	log_init("weft-bench-intake", LOG_LEVEL_WARN);
	if (file_read(argv[2], 1u << 30, &records, &err) < 0) {
		fprintf(stderr, "weft-bench-intake: %s\n", err.text);
		return 1;
	}
	b.records = records.data;
	b.len = records.len;
	rc = run(&b, argv[1]);
	buf_free(&records);
	return rc;
}
