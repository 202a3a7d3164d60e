/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_QEMU_SAVE_PRIV_H
#define HV_QEMU_SAVE_PRIV_H

#include "hv/save_priv.h"

#define SAVE_SOCKET "save.sock" /* in the machine's directory; it connects there */

/* Returns the listening socket there, which only uid can reach, or -errno: a save's source. */
int qemu_save_listen(const char *dir, uid_t uid, struct err *err);
/* Until save_complete(). */
int qemu_save_take(struct save *s, struct err *err);

#endif
