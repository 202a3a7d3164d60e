/* SPDX-License-Identifier: Apache-2.0 */
/* The I/O ports that are not KVM's own. A port that is not in the table reads as all ones. */
#include "hv/vmm/vmm_priv.h"

#include "hv/vmm/layout_priv.h"

#include <string.h>

enum { RESET_CPU = 0x04, SCI_ENABLED = 0x0001, SLEEP_ENABLE = 0x2000, SLEEP_TYPE = 0x1c00 };
enum { PANICKED = 1, CRASH_LOADED = 2 };

struct port {
	uint16_t at, count;
	bool bytes; /* wider accesses are several */
	uint32_t (*read)(struct vmm *m, unsigned reg, unsigned len);
	void (*write)(struct vmm *m, unsigned reg, unsigned len, uint32_t value);
};

static uint32_t read_serial(struct vmm *m, unsigned reg, unsigned len)
{
	return serial_read(&m->console.serial, reg);
}

static void write_serial(struct vmm *m, unsigned reg, unsigned len, uint32_t value)
{
	serial_write(&m->console.serial, reg, (uint8_t)value);
}

static uint32_t read_rtc(struct vmm *m, unsigned reg, unsigned len)
{
	return rtc_read(&m->rtc, reg);
}

static void write_rtc(struct vmm *m, unsigned reg, unsigned len, uint32_t value)
{
	rtc_write(&m->rtc, reg, (uint8_t)value);
}

static uint32_t read_pci(struct vmm *m, unsigned reg, unsigned len)
{
	return pci_host_port_read(&m->pci, reg, len);
}

/* The reset register lies within the address register, and is written by bytes. */
static void write_pci(struct vmm *m, unsigned reg, unsigned len, uint32_t value)
{
	if (reg != PORT_RESET - PORT_PCI || len != 1)
		pci_host_port_write(&m->pci, reg, len, value);
	else if (value & RESET_CPU)
		vmm_end(m, VMM_RESET, "");
}

static uint32_t read_pvpanic(struct vmm *m, unsigned reg, unsigned len)
{
	return PANICKED;
}

static void write_pvpanic(struct vmm *m, unsigned reg, unsigned len, uint32_t value)
{
	if (value & (PANICKED | CRASH_LOADED))
		vmm_end(m, VMM_CRASHED, "");
}

/* No event ever comes: the status half is 0. */
static uint32_t read_pm_event(struct vmm *m, unsigned reg, unsigned len)
{
	return reg == 2 ? m->pm_enable : 0;
}

static void write_pm_event(struct vmm *m, unsigned reg, unsigned len, uint32_t value)
{
	if (reg == 2)
		m->pm_enable = (uint16_t)value;
}

static uint32_t read_pm_control(struct vmm *m, unsigned reg, unsigned len)
{
	return reg == 0 ? m->pm_control | SCI_ENABLED : 0;
}

static void write_pm_control(struct vmm *m, unsigned reg, unsigned len, uint32_t value)
{
	if (reg != 0)
		return;
	m->pm_control = (uint16_t)(value & ~(uint32_t)SLEEP_ENABLE);
	if ((value & SLEEP_ENABLE) && (value & SLEEP_TYPE) >> 10 == SLEEP_S5)
		vmm_end(m, VMM_SHUTDOWN, "");
}

static const struct port ports[] = {
	{ PORT_SERIAL, 8, true, read_serial, write_serial },
	{ PORT_PCI, 8, false, read_pci, write_pci },
	{ PORT_RTC, 2, true, read_rtc, write_rtc },
	{ PORT_PM_EVENT, 4, false, read_pm_event, write_pm_event },
	{ PORT_PM_CONTROL, 2, false, read_pm_control, write_pm_control },
	{ PORT_PVPANIC, 1, true, read_pvpanic, write_pvpanic },
};

static const struct port *find(uint16_t at)
{
	for (unsigned i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if ((uint16_t)(at - ports[i].at) < ports[i].count)
			return &ports[i];
	return NULL;
}

static void access(struct vmm *m, uint16_t at, bool write, uint8_t *bytes, unsigned len)
{
	const struct port *p = find(at);
	uint32_t value = UINT32_MAX;

	if (write) {
		value = 0;
		memcpy(&value, bytes, len);
		if (p)
			p->write(m, at - p->at, len, value);
		return;
	}
	if (p)
		value = p->read(m, at - p->at, len);
	memcpy(bytes, &value, len);
}

void ports_access(struct vmm *m, uint16_t at, bool write, void *bytes, unsigned len)
{
	const struct port *p = find(at);

	if (!p || !p->bytes || len > sizeof(uint32_t)) {
		access(m, at, write, bytes, len > sizeof(uint32_t) ? sizeof(uint32_t) : len);
		return;
	}
	for (unsigned i = 0; i < len; i++)
		access(m, (uint16_t)(at + i), write, (uint8_t *)bytes + i, 1);
}
