/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_OOM_H
#define BASE_OOM_H

#include <stdbool.h>

/* How soon the kernel kills this process and those that it starts, when there is no memory: "-1000"
 * (never) to "1000", see oom_score_adj in proc(5). Only makes system calls. False: the kernel
 * does not permit it, and it is as it was. */
bool oom_adjust(const char *score);

#endif
