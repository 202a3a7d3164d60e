/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_CAPTURE_FILE_H
#define CONTROL_CLI_CAPTURE_FILE_H

/* From a tape of the engine's (struct dp_capture) to a pcapng file. */

#include "base/err.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct bpf_program;
struct capture_file;

struct capture_file_conf {
	const char *vnet;
	const json_t *interfaces; /* names; the caller's */
	int tape, out;		  /* descriptors; the caller's */
	uint32_t snap;		  /* bytes of a packet */
	const char *filter;	  /* as given, or NULL */
	const struct bpf_program *program; /* of it */
};

/* Writes the begin of the file. -EBADMSG when the tape is none, or not one of these interfaces. */
int capture_file_create(const struct capture_file_conf *conf, struct capture_file **out,
			struct err *err);
void capture_file_destroy(struct capture_file *f); /* NULL allowed */

/* Writes what is due on the tape (tape_look); how many packets that were, or -errno of the file. */
long capture_file_copy(struct capture_file *f, bool all);

/* Writes the statistics: nothing more is written to the tape, and all was copied. 0 or -errno. */
int capture_file_finish(struct capture_file *f, uint64_t *written, uint64_t *missed);

#endif
