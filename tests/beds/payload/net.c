/* SPDX-License-Identifier: Apache-2.0 */
/* Sends each frame that comes back to where it came from, on the pair of queues it came by; says when
 * the link goes up or down; and starts the device anew when a frame begins with 'R', whatever is under
 * way. Uses all pairs that there are, up to four. */
#include "payload.h"

enum { PAIRS_MAX = 4, SIZE = 16, FRAME = 2048, HEADER = 12, ETHERNET = 14, NO_VECTOR = 0xffff };
enum { COMMON_FEATURES = 4, COMMON_DRIVER = 8, COMMON_MSIX = 16, COMMON_STATUS = 20, COMMON_QUEUE = 22,
       QUEUE_SIZE = 24, QUEUE_VECTOR = 26, QUEUE_ENABLE = 28, QUEUE_DESC = 32 };
enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { F_MTU = 1 << 3, F_MAC = 1 << 5, F_STATUS = 1 << 16, F_CTRL_VQ = 1 << 17, F_MQ = 1 << 22 };
enum { CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10 };

struct queue {
	struct { uint64_t at; uint32_t len; uint16_t flags, next; } desc[SIZE];
	struct { volatile uint16_t flags, idx, ring[SIZE], event; } avail;
	struct { volatile uint16_t flags, idx; volatile struct { uint32_t id, len; } ring[SIZE]; uint16_t event; }
		used __attribute__((aligned(4)));
	uint16_t seen;
	uint8_t frame[SIZE][FRAME];
} __attribute__((aligned(4096)));

static struct queue queues[2 * PAIRS_MAX + 1];
static struct virtio v;
static unsigned pairs, last;
static int link = -1;

#define BARRIER() __asm__ volatile("mfence" : : : "memory")

static void set_queue(unsigned i, unsigned vector)
{
	struct queue *q = &queues[i];
	const volatile void *at[] = { q->desc, &q->avail, &q->used };

	for (unsigned b = 0; b < sizeof(*q); b += 8)
		*(volatile uint64_t *)((uint8_t *)q + b) = 0;
	REG16(v.common + COMMON_QUEUE) = (uint16_t)i;
	REG16(v.common + QUEUE_SIZE) = SIZE;
	REG16(v.common + QUEUE_VECTOR) = (uint16_t)vector;
	for (unsigned n = 0; n < 3; n++) {
		REG32(v.common + QUEUE_DESC + 8 * n) = (uint32_t)(uintptr_t)at[n];
		REG32(v.common + QUEUE_DESC + 8 * n + 4) = 0;
	}
	REG16(v.common + QUEUE_ENABLE) = 1;
}

static void kick(unsigned i)
{
	BARRIER();
	REG16(v.notify + i * v.notify_step) = (uint16_t)i;
}

/* Descriptor n of the queue, with len bytes of its own frame. */
static void offer(unsigned i, unsigned n, uint32_t len, unsigned flags, unsigned next)
{
	struct queue *q = &queues[i];

	q->desc[n].at = (uintptr_t)q->frame[n];
	q->desc[n].len = len;
	q->desc[n].flags = (uint16_t)flags;
	q->desc[n].next = (uint16_t)next;
}

static void make_available(unsigned i, unsigned head)
{
	struct queue *q = &queues[i];

	q->avail.ring[q->avail.idx % SIZE] = (uint16_t)head;
	BARRIER();
	q->avail.idx++;
}

static void use_all_pairs(void)
{
	struct queue *q = &queues[last];

	q->frame[0][0] = 4; /* VIRTIO_NET_CTRL_MQ, its only command, how many */
	q->frame[0][2] = (uint8_t)pairs;
	q->frame[1][0] = 0xff;
	offer(last, 0, 4, 1, 1);
	offer(last, 1, 1, 2, 0);
	make_available(last, 0);
	kick(last);
	while (q->used.idx == 0)
		__asm__ volatile("pause");
	if (q->frame[1][0] != 0)
		check(0, "the number of pairs");
}

static void start(void)
{
	uint32_t wanted = F_MTU | F_MAC | F_STATUS | F_CTRL_VQ | F_MQ;

	REG8(v.common + COMMON_STATUS) = 0;
	while (REG8(v.common + COMMON_STATUS))
		__asm__ volatile("pause");
	REG8(v.common + COMMON_STATUS) = ACKNOWLEDGE | DRIVER;
	REG32(v.common) = 0;
	wanted &= REG32(v.common + COMMON_FEATURES);
	for (unsigned half = 0; half < 2; half++) {
		REG32(v.common + COMMON_DRIVER) = half;
		REG32(v.common + COMMON_DRIVER + 4) = half ? 1 : wanted;
	}
	REG8(v.common + COMMON_STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK;
	if (REG8(v.common + COMMON_STATUS) != (ACKNOWLEDGE | DRIVER | FEATURES_OK))
		check(0, "features");
	pairs = wanted & F_MQ ? REG16(v.device + CONFIG_PAIRS) : 1;
	last = 2 * pairs;
	if (pairs > PAIRS_MAX)
		check(0, "four pairs at most");
	REG16(v.common + COMMON_MSIX) = 0;
	for (unsigned i = 0; i < last; i++)
		set_queue(i, i % 2 ? NO_VECTOR : 1);
	if (pairs > 1)
		set_queue(last, NO_VECTOR);
	REG8(v.common + COMMON_STATUS) = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
	for (unsigned i = 0; i < last; i += 2) {
		for (unsigned n = 0; n < SIZE; n++) {
			offer(i, n, FRAME, 2, 0);
			make_available(i, n);
		}
		kick(i);
	}
	if (pairs > 1)
		use_all_pairs();
}

/* Out on the pair's other queue, in the slot of the same number; none free: it is lost. */
static void send_back(unsigned i, const uint8_t *frame, uint32_t len)
{
	struct queue *q = &queues[i + 1];
	unsigned slot = q->avail.idx % SIZE;
	volatile uint8_t *to = q->frame[slot];

	if ((uint16_t)(q->avail.idx - q->used.idx) >= SIZE)
		return;
	for (unsigned b = 0; b < HEADER; b++)
		to[b] = 0;
	for (unsigned b = 0; b < 6; b++) {
		to[HEADER + b] = frame[HEADER + 6 + b];
		to[HEADER + 6 + b] = frame[HEADER + b];
	}
	for (unsigned b = HEADER + 12; b < len; b++)
		to[b] = frame[b];
	offer(i + 1, slot, len, 0, 0);
	make_available(i + 1, slot);
	kick(i + 1);
}

/* Once of each pair that something came by. */
static void say_pair(unsigned pair)
{
	static unsigned said;

	if (said & 1u << pair)
		return;
	said |= 1u << pair;
	say("pair ");
	say_number(pair);
	say("\n");
}

/* Everything that has come on a queue; 1: start again. */
static int serve(unsigned i)
{
	struct queue *q = &queues[i];

	while (q->seen != q->used.idx) {
		unsigned n = q->used.ring[q->seen % SIZE].id;
		uint32_t len = q->used.ring[q->seen % SIZE].len;

		q->seen++;
		if (n >= SIZE || len > FRAME)
			check(0, "what the device gave back");
		if (len > HEADER + ETHERNET && q->frame[n][HEADER + ETHERNET] == 'R')
			return 1;
		say_pair(i / 2);
		if (len > HEADER + ETHERNET)
			send_back(i, q->frame[n], len);
		make_available(i, n);
		kick(i);
	}
	return 0;
}

static void look_at_link(void)
{
	int now = REG16(v.device + CONFIG_STATUS) & 1;

	if (now != link)
		say(now ? "link up\n" : "link down\n");
	link = now;
}

void payload_main(uint64_t info)
{
	interrupts_init();
	check(virtio_find(&v, 0x1041), "NIC found");
	virtio_vector(&v, 0, 0x40);
	virtio_vector(&v, 1, 0x41);
	start();
	check(!(virtio_pending(&v, 1) & ~2u), "no vector waits but the one that is masked");
	say("mtu ");
	say_number(REG16(v.device + CONFIG_MTU));
	say(" pairs ");
	say_number(pairs);
	say("\n");
	for (;;) {
		uint32_t before = interrupts[0] + interrupts[1];
		unsigned again = 0;

		look_at_link();
		for (unsigned i = 0; i < last && !again; i += 2)
			again = serve(i);
		if (again) {
			start();
			say("started again\n");
			continue;
		}
		__asm__ volatile("cli");
		if (interrupts[0] + interrupts[1] == before)
			__asm__ volatile("sti; hlt"); /* no interrupt comes between the two */
		else
			__asm__ volatile("sti");
	}
}
