/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_RECORD_PRIV_H
#define HV_RECORD_PRIV_H

#include "base/err.h"
#include "base/sock.h"
#include "hv/hv.h"
#include "hv/saved_priv.h"

#include <jansson.h>
#include <stdint.h>
#include <sys/types.h>

#define HV_MEMORY_MAX_MIB (1 << 20)

/*
 * DIR/machine.json: what a later program needs to find the machine of DIR again. DIR belongs to
 * the machine's uid, so what is read back is only believed as far as that uid reaches: the reader
 * must check that the process it names runs as `owner`.
 */
struct hv_record {
	char backend[16];
	char accel[8];
	pid_t pid;
	uint64_t start_time; /* proc_stat() */
	unsigned memory_mib, cpus;
	char from[SAVED_ID_SIZE]; /* the saved memory it started from (saved_priv.h); "": none */
	unsigned nic_count;
	char sockets[HV_PORTS_MAX][SOCK_PATH_MAX]; /* relay sockets: names in DIR; "": vhost-user */
	uid_t owner; /* of DIR; set by the reader */
};

/* Writes o, which is taken (NULL: out of memory), to DIR/name for root alone. */
int hv_json_write(const char *dir, const char *name, json_t *o, struct err *err);

int hv_record_write(const char *dir, const struct hv_record *rec, struct err *err);

/* -ENOENT: no record; -EBADMSG: one that cannot be right. */
int hv_record_read(const char *dir, struct hv_record *out, struct err *err);

void hv_record_remove(const char *dir);

#endif
