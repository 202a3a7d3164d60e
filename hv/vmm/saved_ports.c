/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/saved_priv.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

struct ports_state {
	uint32_t pci_address;
	uint16_t pm_enable, pm_control;
	uint8_t rtc_index, rtc_memory[128];
	uint8_t ier, lcr, mcr, scr, dll, dlm, fcr, tx_empty, level;
	uint8_t first, count, fifo[SERIAL_FIFO];
};

static_assert(sizeof(struct ports_state) == 8 + 129 + 11 + SERIAL_FIFO, "no padding");

void saved_ports_save(const struct vmm *m, struct buf *out)
{
	const struct serial *s = &m->console.serial;
	struct ports_state p = {
		.pci_address = m->pci.address, .pm_enable = m->pm_enable,
		.pm_control = m->pm_control, .rtc_index = m->rtc.index,
		.ier = s->ier, .lcr = s->lcr, .mcr = s->mcr, .scr = s->scr, .dll = s->dll,
		.dlm = s->dlm, .fcr = s->fcr, .tx_empty = s->tx_empty, .level = s->level,
		.first = (uint8_t)s->first, .count = (uint8_t)s->count,
	};

	memcpy(p.rtc_memory, m->rtc.memory, sizeof(p.rtc_memory));
	memcpy(p.fifo, s->fifo, sizeof(p.fifo));
	buf_put(out, &p, sizeof(p));
}

int saved_ports_load(struct vmm *m, struct rd *in)
{
	struct serial *s = &m->console.serial;
	struct ports_state p;

	rd_copy(in, &p, sizeof(p));
	if (in->bad || p.first >= SERIAL_FIFO || p.count > SERIAL_FIFO ||
	    p.rtc_index >= sizeof(m->rtc.memory))
		return -EBADMSG;
	m->pci.address = p.pci_address;
	m->pm_enable = p.pm_enable;
	m->pm_control = p.pm_control;
	m->rtc.index = p.rtc_index;
	memcpy(m->rtc.memory, p.rtc_memory, sizeof(p.rtc_memory));
	*s = (struct serial){ .ops = s->ops, .ier = p.ier, .lcr = p.lcr, .mcr = p.mcr, .scr = p.scr,
			      .dll = p.dll, .dlm = p.dlm, .fcr = p.fcr, .tx_empty = p.tx_empty,
			      .level = p.level, .first = p.first, .count = p.count };
	memcpy(s->fifo, p.fifo, sizeof(p.fifo));
	if (s->level) /* the line is not among what KVM keeps */
		s->ops.line(s->ops.arg, true);
	return 0;
}
