/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_CONSOLE_PRIV_H
#define HV_VMM_CONSOLE_PRIV_H

/* The serial console: the UART, whoever is connected to its socket, and a log of all the guest
 * said. What the guest writes is collected and passed on by the loop; what nobody takes is lost. */

#include "base/buf.h"
#include "hv/vmm/kvm_priv.h"
#include "hv/vmm/serial_priv.h"
#include "hv/vmm/stream_priv.h"

struct event;

enum { CONSOLE_TOGETHER_MS = 5 }; /* what a guest says in so long is passed on once */

struct console {
	pthread_mutex_t *lock;
	struct kvm *kvm;
	struct serial serial;
	struct stream *stream;
	struct buf said; /* not passed on yet */
	struct event *flush; /* pending while more is collected, or it is about to be passed on */
	int log; /* -1: none */
	uint64_t logged;
	bool terminal; /* standard output gets it as well */
};

/* path: socket, "-" or NULL; log: file or NULL. */
int console_create(struct console *c, struct event_base *base, pthread_mutex_t *lock, struct kvm *kvm,
		   const char *path, const char *log, struct err *err);
void console_destroy(struct console *c);
/* Passes on what is collected, now. With the lock held. */
void console_flush(struct console *c);
int console_adopt(struct console *c, int fd);

#endif
