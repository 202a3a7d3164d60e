/* SPDX-License-Identifier: Apache-2.0 */
/* Writes to a disk, flushes it and reads it; waits to hear a byte on the serial line (in which time
 * it may be saved and go on as another machine), finds what it wrote, and writes again. */
#include "payload.h"

enum { SECTOR = 512, AT = 13, COUNT = 5, READ = 0, WRITE = 1, FLUSH = 4, SERIAL = 0x3f8 };

static struct virtio v;
static uint8_t sectors[COUNT * SECTOR];

/* The status that it ends with. */
static unsigned request(uint32_t type)
{
	static struct { uint32_t type, zero; uint64_t sector; } head;
	static volatile uint8_t status;
	const struct virtio_part first = { &head, sizeof(head), 0 };
	const struct virtio_part last = { (void *)&status, 1, 1 };
	const struct virtio_part data = { sectors, sizeof(sectors), type == READ };
	uint32_t before = interrupts[1], len;

	head.type = type;
	head.sector = type == FLUSH ? 0 : AT;
	status = 0xff;
	if (type == FLUSH)
		virtio_offer_chain(&v, (struct virtio_part[]){ first, last }, 2);
	else
		virtio_offer_chain(&v, (struct virtio_part[]){ first, data, last }, 3);
	while (interrupts[1] == before || !virtio_used(&v, &len))
		__asm__ volatile("pause");
	return status;
}

static int write_all(uint8_t with)
{
	for (unsigned i = 0; i < sizeof(sectors); i++)
		sectors[i] = (uint8_t)(with + i / SECTOR);
	return request(WRITE) == 0 && request(FLUSH) == 0;
}

static int reads(uint8_t with)
{
	for (unsigned i = 0; i < sizeof(sectors); i++)
		sectors[i] = 0xff;
	if (request(READ) != 0)
		return 0;
	for (unsigned i = 0; i < sizeof(sectors); i++)
		if (sectors[i] != (uint8_t)(with + i / SECTOR))
			return 0;
	return 1;
}

void payload_main(uint64_t info)
{
	interrupts_init();
	check(virtio_find(&v, 0x1042), "disk found");
	virtio_start(&v, 0x41);
	check(write_all('a') && reads('a'), "written and read");
	say("ready\n");
	while (!(in8(SERIAL + 5) & 1))
		__asm__ volatile("pause");
	check(reads('a'), "read later");
	check(write_all('A') && reads('A'), "written and read again");
}
