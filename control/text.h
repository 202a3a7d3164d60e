/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_TEXT_H
#define CONTROL_TEXT_H

#include <jansson.h>

/* Text of a guest or a program, or cut short: what is not UTF-8 in it becomes '?'. */
json_t *text_json(const char *text);

#endif
