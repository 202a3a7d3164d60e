/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

/*
 * A sentence for a person, carried next to the -errno that programs look at. Whoever knows the
 * name of the thing that failed writes the sentence; callers pass it on untouched or put their
 * own context in front with err_prefix().
 */
struct err {
	char text[1024];
};

/* Writes the sentence and returns code, so that `return err_set(err, -EINVAL, ...)` reads well.
 * err may be NULL: the code alone is returned. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and the text of -code (strerror) at the end. */
int err_sys(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " in front of the sentence; returns code. */
int err_prefix(struct err *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#endif
