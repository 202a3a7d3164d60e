/* SPDX-License-Identifier: Apache-2.0 */
/* Fills a piece of its memory, reports it free (the balloon's queue for that), and finds it empty;
 * then fills it again and says so. */
#include "payload.h"

enum { AT = 0x800000, PAGES = 256, PAGE = 4096, REPORTING = 2 };

static void fill(uint64_t with)
{
	for (uint32_t i = 0; i < PAGES; i++)
		*(volatile uint64_t *)(uintptr_t)(AT + i * PAGE) = with + i;
}

static unsigned count(uint64_t with)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < PAGES; i++)
		n += *(volatile uint64_t *)(uintptr_t)(AT + i * PAGE) == with + i;
	return n;
}

void payload_main(uint64_t info)
{
	struct virtio v = { 0 };
	uint32_t len;

	interrupts_init();
	check(virtio_find(&v, 0x1045), "balloon found");
	v.queue = REPORTING;
	virtio_start(&v, 0x41);
	fill(0x1000);
	check(count(0x1000) == PAGES, "memory filled");
	virtio_offer(&v, (void *)(uintptr_t)AT, PAGES * PAGE);
	while (!interrupts[1] || !virtio_used(&v, &len))
		__asm__ volatile("pause");
	check(count(0x1000) == 0, "it went back");
	fill(0x2000);
	check(count(0x2000) == PAGES, "and is there again");
}
