/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_MACHINE_DIR_PRIV_H
#define HV_MACHINE_DIR_PRIV_H

#include "hv/hv.h"
#include "hv/record_priv.h"

#include <stddef.h>

/*
 * The directory of a machine. It belongs to the machine's uid, so an earlier machine may have
 * left anything in it: what is made here is made anew, and no link is followed.
 */

/* Makes DIR, empties it of what a former machine left, makes DIR/root. */
int machine_dir_make(const struct hv_conf *conf, struct err *err);

/* Opens DIR/machine.log anew, for stdout and stderr. Returns a descriptor or -errno. */
int machine_dir_log(const char *dir, struct err *err);

/* Writes to out the path of a file with path's bytes that uid can read: path itself where others
 * may read it, else a copy DIR/name. */
int machine_dir_stage(const struct hv_conf *conf, const char *path, const char *name, char *out,
		   size_t size, struct err *err);

/* Writes to out the path of a new file with the first 64 KiB of the kernel that uid can read. */
int machine_dir_stub(const struct hv_conf *conf, const char *kernel, char *out, size_t size,
		  struct err *err);

/* The last line of DIR/machine.log, printable, or "". */
void machine_dir_last_line(const char *dir, char *out, size_t size);

/* Removes the sockets and the record; the logs stay for who asks why. */
void machine_dir_clean(const char *dir, const struct hv_record *rec);

#endif
