/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BEDS_PAYLOAD_H
#define TESTS_BEDS_PAYLOAD_H

/* What a payload has: 64-bit mode, all memory below 4 GiB mapped one to one, no interrupts, the
 * serial port. Each payload is a payload_main(); when it returns the machine is switched off. */

#include <stdint.h>

#define REG8(at)  (*(volatile uint8_t *)(uintptr_t)(at))
#define REG16(at) (*(volatile uint16_t *)(uintptr_t)(at))
#define REG32(at) (*(volatile uint32_t *)(uintptr_t)(at))

static inline void out8(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void out16(uint16_t port, uint16_t v)
{
	__asm__ volatile("outw %0, %1" : : "a"(v), "Nd"(port));
}

static inline void out32(uint16_t port, uint32_t v)
{
	__asm__ volatile("outl %0, %1" : : "a"(v), "Nd"(port));
}

static inline uint8_t in8(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint16_t in16(uint16_t port)
{
	uint16_t v;

	__asm__ volatile("inw %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

static inline uint32_t in32(uint16_t port)
{
	uint32_t v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port));
	return v;
}

void payload_main(uint64_t info);

/* lib.c */
void say(const char *text);
void say_number(uint64_t n); /* in hexadecimal */
void check(int ok, const char *what); /* says "ok WHAT", or "FAILED WHAT" and ends */
void power_off(void) __attribute__((noreturn));
uint32_t pci_read(unsigned function, unsigned at);
void pci_write(unsigned function, unsigned at, uint32_t value);

/* interrupts.c: counts interrupts of vector 0x40 + n. */
extern volatile uint32_t interrupts[4];
void interrupts_init(void);

/* virtio.c: one queue of a modern device, split, of 8. */
struct virtio {
	unsigned function;
	uint32_t common, notify, device; /* where its structures are mapped */
	uint32_t notify_step;
	uint16_t queue; /* which of the device's; 0 unless it is set */
	uint16_t used;
};

int virtio_find(struct virtio *v, uint16_t pci_device);
void virtio_start(struct virtio *v, unsigned vector);
/* An entry of its MSI-X table, which is switched on. */
void virtio_vector(struct virtio *v, unsigned entry, unsigned vector);
/* Bits of entries whose interrupts wait, while this one is masked. */
uint32_t virtio_pending(struct virtio *v, unsigned entry);
struct virtio_part {
	void *at;
	uint32_t len;
	int writable;
};

/* Offers buffers as one chain and kicks; none other is under way. */
void virtio_offer_chain(struct virtio *v, const struct virtio_part *parts, unsigned count);
/* No interrupts by its queue any more. */
void virtio_quiet(void);
/* Offers a writable buffer and kicks. */
void virtio_offer(struct virtio *v, void *to, uint32_t len);
/* Where the queue lies. */
enum { VIRTIO_RING_BYTES = 220 };
void *virtio_ring(void);
int virtio_used(struct virtio *v, uint32_t *len); /* whether one came back */

#endif
