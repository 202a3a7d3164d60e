/* SPDX-License-Identifier: Apache-2.0 */
/* The file of a saved machine: its sections, and what each part but KVM's makes of its own. A
 * device that was loaded is used. */
#include "hv/vmm/saved_priv.h"
#include "tests/unit/virtio/lab.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct lab l;

static void line(void *arg, bool level)
{
}

static void ready(void *arg)
{
}

static void end(void)
{
	lab_fini(&l);
}

static void load_device(struct rd in, enum lab_device which)
{
	__builtin_memset(l.ram.host, 0x11, RAM);
	lab_make(&l, which);
	if (virtio_pci_load(l.pci, &in, NULL) == 0) {
		lab_loop(&l);
		for (unsigned q = 0; q < l.dev->queue_count; q++)
			lab_kick(&l, q);
		lab_reborn(&l);
	}
	lab_unmake(&l);
}

static void load_ports(struct rd in)
{
	static struct vmm m;

	m.console.serial.ops = (struct serial_ops){ .line = line, .ready = ready };
	if (saved_ports_load(&m, &in) < 0)
		return;
	for (unsigned i = 0; i < 2 * SERIAL_FIFO; i++)
		serial_read(&m.console.serial, 0);
	rtc_read(&m.rtc, 1);
	pci_host_port_read(&m.pci, 4, 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct state s;
	static bool alone;
	struct rd in;

	if (!l.base) {
		alone = lab_alone();
		lab_init(&l);
		atexit(end);
	}
	if (state_parse(&s, data, size, NULL) < 0)
		return 0;
	if (state_take(&s, STATE_PORTS, 0, 1, "", &in, NULL) == 0)
		load_ports(in);
	for (unsigned i = 0; i < LAB_DEVICES; i++)
		if ((i != LAB_TAP || alone) &&
		    state_take(&s, STATE_FUNCTION, i, 1, "", &in, NULL) == 0)
			load_device(in, i);
	state_all_taken(&s, NULL);
	return 0;
}
