/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_PCAPNG_H
#define CONTROL_CLI_PCAPNG_H

/*
 * Writes a capture file: pcapng (draft-ietf-opsawg-pcapng), one section in host byte order, frames of
 * Ethernet, nanoseconds. What is written is gathered until pcapng_flush(); an error sticks and is
 * returned there.
 */

#include <stddef.h>
#include <stdint.h>

struct pcapng {
	int fd; /* the caller's */
	int error;
	size_t len;
	uint8_t *bytes;
};

enum pcapng_way { PCAPNG_NOWHERE = 0, PCAPNG_IN = 1, PCAPNG_OUT = 2 }; /* bits 0-1 of epb_flags */

struct pcapng_packet {
	uint32_t interface; /* from 0, in the order in which they were written */
	enum pcapng_way way;
	uint64_t ns; /* since 1970 */
	uint32_t size, length; /* bytes that are there, and that there were */
	const void *bytes;
	const char *comment; /* or NULL */
};

struct pcapng_statistics {
	uint64_t start_ns, end_ns;
	uint64_t received, missed; /* by the interface, and of these, by who writes */
	uint64_t accepted;	   /* by the filter: they are in the file */
};

int pcapng_init(struct pcapng *p, int fd); /* 0 or -ENOMEM */
void pcapng_fini(struct pcapng *p);

void pcapng_section(struct pcapng *p, const char *application);
/* snap: bytes of a packet at most; filter: of the capture, or NULL. */
void pcapng_interface(struct pcapng *p, const char *name, const char *description, uint32_t snap,
		      const char *filter);
void pcapng_packet(struct pcapng *p, const struct pcapng_packet *packet);
void pcapng_statistics(struct pcapng *p, uint32_t interface, const struct pcapng_statistics *s);

/* Writes what was gathered. 0 or -errno. */
int pcapng_flush(struct pcapng *p);

#endif
