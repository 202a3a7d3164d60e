/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_BASE64_H
#define CONTROL_CLI_BASE64_H

/* Base64 with the standard alphabet and padding (RFC 4648, section 4). */

#include "base/buf.h"

void base64_encode(const void *bytes, size_t len, struct buf *out); /* appends text, no 0 */
int base64_decode(const char *text, size_t len, struct buf *out);   /* appends; -EBADMSG */

#endif
