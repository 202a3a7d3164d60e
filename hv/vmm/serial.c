/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/serial_priv.h"

#include <linux/serial_reg.h>

void serial_init(struct serial *s, const struct serial_ops *ops)
{
	*s = (struct serial){ .ops = *ops, .dll = 1, .lcr = UART_LCR_WLEN8 };
}

/* What it interrupts for, of highest priority first; UART_IIR_NO_INT: nothing. */
static uint8_t cause(const struct serial *s)
{
	if ((s->ier & UART_IER_RDI) && s->count)
		return UART_IIR_RDI;
	if ((s->ier & UART_IER_THRI) && s->tx_empty)
		return UART_IIR_THRI;
	return UART_IIR_NO_INT;
}

static void update(struct serial *s)
{
	bool level = cause(s) != UART_IIR_NO_INT;

	if (level == s->level)
		return;
	s->level = level;
	s->ops.line(s->ops.arg, level);
}

static uint8_t take_byte(struct serial *s)
{
	uint8_t byte = s->fifo[s->first];

	if (!s->count)
		return 0;
	s->first = (s->first + 1) % SERIAL_FIFO;
	if (--s->count == 0)
		s->ops.ready(s->ops.arg);
	return byte;
}

size_t serial_input(struct serial *s, const void *bytes, size_t len)
{
	size_t n = 0;

	while (n < len && s->count < SERIAL_FIFO && !(s->mcr & UART_MCR_LOOP)) {
		s->fifo[(s->first + s->count++) % SERIAL_FIFO] = ((const uint8_t *)bytes)[n];
		n++;
	}
	update(s);
	return n;
}

static void transmit(struct serial *s, uint8_t byte)
{
	if (!(s->mcr & UART_MCR_LOOP))
		s->ops.output(s->ops.arg, byte);
	else if (s->count < SERIAL_FIFO)
		s->fifo[(s->first + s->count++) % SERIAL_FIFO] = byte;
	s->tx_empty = true;
}

static uint8_t identify(struct serial *s)
{
	uint8_t iir = cause(s);

	if (iir == UART_IIR_THRI) /* reading it is the answer to this one */
		s->tx_empty = false;
	return iir | (s->fcr & UART_FCR_ENABLE_FIFO ? 0xc0 : 0);
}

/* In a loop the outputs lead to the inputs; else the other end is always there. */
static uint8_t modem_status(const struct serial *s)
{
	uint8_t msr = UART_MSR_DCD | UART_MSR_DSR | UART_MSR_CTS;

	if (s->mcr & UART_MCR_LOOP)
		msr = (s->mcr & UART_MCR_RTS ? UART_MSR_CTS : 0) | (s->mcr & UART_MCR_DTR ? UART_MSR_DSR : 0) |
		      (s->mcr & UART_MCR_OUT1 ? UART_MSR_RI : 0) |
		      (s->mcr & UART_MCR_OUT2 ? UART_MSR_DCD : 0);
	return msr;
}

uint8_t serial_read(struct serial *s, unsigned reg)
{
	bool latch = s->lcr & UART_LCR_DLAB;
	uint8_t value;

	switch (reg) {
	case UART_RX:
		value = latch ? s->dll : take_byte(s);
		break;
	case UART_IER:
		value = latch ? s->dlm : s->ier;
		break;
	case UART_IIR:
		value = identify(s);
		break;
	case UART_LCR:
		value = s->lcr;
		break;
	case UART_MCR:
		value = s->mcr;
		break;
	case UART_LSR: /* sending takes no time */
		value = UART_LSR_THRE | UART_LSR_TEMT | (s->count ? UART_LSR_DR : 0);
		break;
	case UART_MSR:
		value = modem_status(s);
		break;
	default:
		value = s->scr;
		break;
	}
	update(s);
	return value;
}

static void control_fifo(struct serial *s, uint8_t value)
{
	s->fcr = value & UART_FCR_ENABLE_FIFO;
	if (!(value & UART_FCR_CLEAR_RCVR) || !s->count)
		return;
	s->count = 0;
	s->ops.ready(s->ops.arg);
}

static void control_modem(struct serial *s, uint8_t value)
{
	bool loop_ends = (s->mcr & UART_MCR_LOOP) && !(value & UART_MCR_LOOP);

	s->mcr = value & 0x1f;
	if (loop_ends)
		s->ops.ready(s->ops.arg);
}

void serial_write(struct serial *s, unsigned reg, uint8_t value)
{
	bool latch = s->lcr & UART_LCR_DLAB;

	switch (reg) {
	case UART_TX:
		if (latch)
			s->dll = value;
		else
			transmit(s, value);
		break;
	case UART_IER:
		if (latch) {
			s->dlm = value;
			break;
		}
		if ((value & UART_IER_THRI) && !(s->ier & UART_IER_THRI))
			s->tx_empty = true;
		s->ier = value & 0x0f;
		break;
	case UART_FCR:
		control_fifo(s, value);
		break;
	case UART_LCR:
		s->lcr = value;
		break;
	case UART_MCR:
		control_modem(s, value);
		break;
	case UART_SCR:
		s->scr = value;
		break;
	default:
		break;
	}
	update(s);
}
