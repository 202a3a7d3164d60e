/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_ARGS_PRIV_H
#define HV_ARGS_PRIV_H

/* A command line in the making. Zeroed at first; argv is NULL when memory ran out. */

struct args {
	char **argv; /* NULL-terminated */
	unsigned count;
};

/* One argument more. */
void args_add(struct args *args, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void args_free(struct args *args);

#endif
