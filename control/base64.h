/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_BASE64_H
#define CONTROL_BASE64_H

#include <stddef.h>

/* RFC 4648, section 4. Results are malloc'ed; NULL or -errno on failure. */
char *base64_encode(const void *bytes, size_t len);
int base64_decode(const char *text, void **bytes, size_t *len);

#endif
