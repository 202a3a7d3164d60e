/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_SERIAL_PRIV_H
#define HV_VMM_SERIAL_PRIV_H

/* A 16550A UART (National Semiconductor PC16550D). All of it under the machine's lock. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct serial_ops {
	void (*output)(void *arg, uint8_t byte);
	void (*line)(void *arg, bool level); /* the interrupt */
	void (*ready)(void *arg);	     /* serial_input() would take bytes again */
	void *arg;
};

enum { SERIAL_FIFO = 64 };

struct serial {
	struct serial_ops ops;
	uint8_t ier, lcr, mcr, scr, dll, dlm, fcr;
	bool tx_empty; /* and the driver has not been told */
	bool level;
	uint8_t fifo[SERIAL_FIFO];
	unsigned first, count;
};

void serial_init(struct serial *s, const struct serial_ops *ops);
/* Register 0 to 7. */
uint8_t serial_read(struct serial *s, unsigned reg);
void serial_write(struct serial *s, unsigned reg, uint8_t value);
/* Bytes from the other end; returns how many there was room for. */
size_t serial_input(struct serial *s, const void *bytes, size_t len);

#endif
