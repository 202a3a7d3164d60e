/* SPDX-License-Identifier: Apache-2.0 */
#include "control/cli/pcapng.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	GATHERED = 1 << 20, /* bytes, of which a block has a fraction */
	BLOCK_MAX = 128 << 10,

	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_STATISTICS = 5,
	BLOCK_PACKET = 6,

	OPTION_END = 0,
	OPTION_COMMENT = 1,
	SECTION_APPLICATION = 4,
	INTERFACE_NAME = 2,
	INTERFACE_DESCRIPTION = 3,
	INTERFACE_RESOLUTION = 9,
	INTERFACE_FILTER = 11,
	PACKET_FLAGS = 2,
	STATISTICS_START = 2,
	STATISTICS_END = 3,
	STATISTICS_RECEIVED = 4,
	STATISTICS_DROPPED = 5,
	STATISTICS_ACCEPTED = 6,

	LINK_ETHERNET = 1,
	NANOSECONDS = 9,	/* 10^-9 */
	TEXT_MAX = 4096,
};

int pcapng_init(struct pcapng *p, int fd)
{
	*p = (struct pcapng){ .fd = fd, .bytes = malloc(GATHERED) };
	return p->bytes ? 0 : -ENOMEM;
}

void pcapng_fini(struct pcapng *p)
{
	free(p->bytes);
}

int pcapng_flush(struct pcapng *p)
{
	size_t done = 0;

	while (!p->error && done < p->len) {
		ssize_t n = write(p->fd, p->bytes + done, p->len - done);

		if (n >= 0)
			done += (size_t)n;
		else if (errno != EINTR)
			p->error = -errno;
	}
	p->len = 0;
	return p->error;
}

static void put(struct pcapng *p, const void *bytes, size_t len)
{
	memcpy(p->bytes + p->len, bytes, len);
	p->len += len;
}

static void put_u32(struct pcapng *p, uint32_t v)
{
	put(p, &v, sizeof(v));
}

/* Up to the next word. */
static void put_pad(struct pcapng *p, size_t len)
{
	static const uint8_t zeroes[3];

	put(p, zeroes, -len & 3);
}

static void put_option(struct pcapng *p, uint16_t code, const void *value, size_t len)
{
	uint16_t head[2] = { code, (uint16_t)len };

	put(p, head, sizeof(head));
	put(p, value, len);
	put_pad(p, len);
}

static void put_text(struct pcapng *p, uint16_t code, const char *text)
{
	if (text)
		put_option(p, code, text, strnlen(text, TEXT_MAX));
}

/* Where the block begins, for block_end(). */
static size_t block_begin(struct pcapng *p, uint32_t type)
{
	size_t at;

	if (p->len > GATHERED - BLOCK_MAX)
		pcapng_flush(p);
	at = p->len;
	put_u32(p, type);
	put_u32(p, 0);
	return at;
}

static void block_end(struct pcapng *p, size_t at)
{
	uint32_t len = (uint32_t)(p->len - at + sizeof(len));

	memcpy(p->bytes + at + sizeof(uint32_t), &len, sizeof(len));
	put_u32(p, len);
}

void pcapng_section(struct pcapng *p, const char *application)
{
	size_t at = block_begin(p, BLOCK_SECTION);
	uint16_t version[2] = { 1, 0 };
	int64_t unknown = -1; /* its length */

	put_u32(p, 0x1a2b3c4d); /* the byte order */
	put(p, version, sizeof(version));
	put(p, &unknown, sizeof(unknown));
	put_text(p, SECTION_APPLICATION, application);
	put_option(p, OPTION_END, NULL, 0);
	block_end(p, at);
}

void pcapng_interface(struct pcapng *p, const char *name, const char *description, uint32_t snap,
		      const char *filter)
{
	size_t at = block_begin(p, BLOCK_INTERFACE);
	uint8_t resolution = NANOSECONDS;
	uint16_t link[2] = { LINK_ETHERNET, 0 };

	put(p, link, sizeof(link));
	put_u32(p, snap);
	put_text(p, INTERFACE_NAME, name);
	put_text(p, INTERFACE_DESCRIPTION, description);
	put_option(p, INTERFACE_RESOLUTION, &resolution, sizeof(resolution));
	if (filter) {
		size_t len = strnlen(filter, TEXT_MAX);
		char text[1 + TEXT_MAX] = { 0 }; /* 0: as libpcap knows it */

		memcpy(text + 1, filter, len);
		put_option(p, INTERFACE_FILTER, text, 1 + len);
	}
	put_option(p, OPTION_END, NULL, 0);
	block_end(p, at);
}

/* In two halves, the upper one first. */
static void put_time(struct pcapng *p, uint64_t ns)
{
	put_u32(p, (uint32_t)(ns >> 32));
	put_u32(p, (uint32_t)ns);
}

void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet)
{
	size_t at = block_begin(p, BLOCK_PACKET);
	uint32_t flags = packet->way;

	put_u32(p, packet->interface);
	put_time(p, packet->ns);
	put_u32(p, packet->size);
	put_u32(p, packet->length);
	put(p, packet->bytes, packet->size);
	put_pad(p, packet->size);
	put_option(p, PACKET_FLAGS, &flags, sizeof(flags));
	put_text(p, OPTION_COMMENT, packet->comment);
	put_option(p, OPTION_END, NULL, 0);
	block_end(p, at);
}

static void put_option_time(struct pcapng *p, uint16_t code, uint64_t ns)
{
	uint32_t halves[2] = { (uint32_t)(ns >> 32), (uint32_t)ns };

	put_option(p, code, halves, sizeof(halves));
}

void pcapng_statistics(struct pcapng *p, uint32_t interface, const struct pcapng_statistics *s)
{
	size_t at = block_begin(p, BLOCK_STATISTICS);

	put_u32(p, interface);
	put_time(p, s->end_ns);
	put_option_time(p, STATISTICS_START, s->start_ns);
	put_option_time(p, STATISTICS_END, s->end_ns);
	put_option(p, STATISTICS_RECEIVED, &s->received, sizeof(s->received));
	put_option(p, STATISTICS_DROPPED, &s->missed, sizeof(s->missed));
	put_option(p, STATISTICS_ACCEPTED, &s->accepted, sizeof(s->accepted));
	put_option(p, OPTION_END, NULL, 0);
	block_end(p, at);
}
