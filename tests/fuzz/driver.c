/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for libFuzzer where the compiler is gcc: runs LLVMFuzzerTestOneInput over each seed
 * and then over random mutations and splices of them until the time is over. It knows nothing of
 * coverage; long runs use clang (docs/testing.md). The seed makes a run repeatable.
 *
 *   fuzz_NAME [-max_total_time=SECONDS] [-seed=N] [-runs=N] [SEED_DIR | FILE]...
 */
#include "base/file.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SEEDS_MAX = 512, INPUT_MAX = 65536 };

static struct buf seeds[SEEDS_MAX];
static unsigned seed_count;

static void load_file(const char *path)
{
	if (seed_count < SEEDS_MAX && file_read(path, INPUT_MAX, &seeds[seed_count], NULL) == 0)
		seed_count++;
}

static void load(const char *path)
{
	struct dirent **names;
	struct stat st;
	int n;

	if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
		load_file(path);
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char full[4096];

		snprintf(full, sizeof(full), "%s/%s", path, names[i]->d_name);
		if (stat(full, &st) == 0 && S_ISREG(st.st_mode))
			load_file(full);
		free(names[i]);
	}
	if (n >= 0)
		free(names);
}

/* A seed with some bytes changed, cut out, repeated or taken from another seed. */
static size_t mutate(uint8_t *out)
{
	static const uint32_t edges[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, ~0u };
	const struct buf *a = &seeds[random() % seed_count], *b = &seeds[random() % seed_count];
	size_t len = a->len;

	memcpy(out, a->data, len);
	for (long n = 1 + random() % 8; n > 0; n--) {
		size_t at = len ? (size_t)random() % len : 0, to;
		uint32_t edge = edges[(size_t)random() % (sizeof(edges) / sizeof(edges[0]))];

		switch (random() % 6) {
		case 0:
			if (len)
				out[at] ^= (uint8_t)(1u << random() % 8);
			break;
		case 1:
			if (len)
				out[at] = (uint8_t)random();
			break;
		case 2:
			to = 1u << random() % 3;
			if (len - at >= to)
				memcpy(out + at, &edge, to);
			break;
		case 3:
			len = at;
			break;
		case 4:
			to = b->len ? (size_t)random() % b->len : 0;
			to = b->len - to < INPUT_MAX - len ? b->len - to : INPUT_MAX - len;
			memcpy(out + len, b->data + b->len - to, to);
			len += to;
			break;
		default:
			to = len ? (size_t)random() % len : 0;
			if (to > at)
				memmove(out + at, out + to, len - to), len -= to - at;
			break;
		}
	}
	return len;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
	static uint8_t input[INPUT_MAX];
	double seconds = 3, start = now();
	unsigned long runs = 0, limit = 0;

	for (int i = 1; i < argc; i++) {
		if (!strncmp(argv[i], "-max_total_time=", 16))
			seconds = atof(argv[i] + 16);
		else if (!strncmp(argv[i], "-seed=", 6))
			srandom((unsigned)atoi(argv[i] + 6));
		else if (!strncmp(argv[i], "-runs=", 6))
			limit = strtoul(argv[i] + 6, NULL, 10);
		else if (argv[i][0] != '-')
			load(argv[i]);
	}
	if (!seed_count) {
		fprintf(stderr, "%s: no seeds: name a directory or a file\n", argv[0]);
		return 2;
	}
	for (unsigned i = 0; i < seed_count; i++, runs++)
		LLVMFuzzerTestOneInput(seeds[i].data, seeds[i].len);
	while ((!limit || runs < limit) && now() - start < seconds) {
		size_t len = mutate(input);
		uint8_t *exact = malloc(len ? len : 1); /* so that the sanitizer sees the end */

		memcpy(exact, input, len);
		LLVMFuzzerTestOneInput(exact, len);
		free(exact);
		runs++;
	}
	printf("%lu runs over %u seeds in %.1f s\n", runs, seed_count, now() - start);
	for (unsigned i = 0; i < seed_count; i++)
		buf_free(&seeds[i]);
	return 0;
}
