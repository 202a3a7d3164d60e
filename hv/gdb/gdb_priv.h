/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_GDB_GDB_PRIV_H
#define HV_GDB_GDB_PRIV_H

#include "hv/gdb/gdb.h"

enum { PACKET_MAX = 4096, REGISTERS_BYTES = 292, REGISTERS = 42 };

/* packet.c: packets are "$data#sum", each answered with + or -, until both sides trust the line. */
struct packet {
	enum { PACKET_IDLE, PACKET_DATA, PACKET_ESCAPED, PACKET_SUM, PACKET_SUM_LOW } state;
	uint8_t data[PACKET_MAX + 1]; /* a zero behind it */
	size_t len;
	bool too_long;
	uint8_t sum, sent;
};

enum packet_event { PACKET_NONE, PACKET_WHOLE, PACKET_BROKEN, PACKET_INTERRUPT };

enum packet_event packet_byte(struct packet *p, uint8_t byte);
/* data: len bytes; escaped as needed. */
void packet_put(struct buf *out, const void *data, size_t len);
int hex_digit(uint8_t c); /* -1: none */
/* len bytes from twice as many digits; false: there are not as many, or others. */
bool hex_bytes(const char *hex, void *bytes, size_t len);
void hex_put(struct buf *out, const void *bytes, size_t len);

/* registers.c: what of struct gdb_registers is where in a g packet, and what gdb is told of it. */
extern const char gdb_target_xml[];
void registers_pack(const struct gdb_registers *regs, uint8_t bytes[REGISTERS_BYTES]);
void registers_unpack(const uint8_t bytes[REGISTERS_BYTES], struct gdb_registers *regs);
/* Of register number n: offset and size in the packet; false: there is none. */
bool register_at(unsigned n, size_t *offset, size_t *size);

struct point {
	enum gdb_point kind;
	uint64_t at;
	unsigned len;
};

struct gdb {
	const struct gdb_ops *ops;
	void *arg;
	unsigned cpus, cpu; /* cpu: whose registers and memory are meant */
	unsigned stopped_cpu;
	int signal;	    /* why it stands */
	bool running, sure; /* sure: no + and - any more */
	bool over;
	struct packet packet;
	struct point points[GDB_POINTS_MAX];
	unsigned point_count;
};

/* text.c: a packet's text behind its first letter. What does not read well sets `bad`, which is
 * looked at once, after all that it covers. */
struct text {
	const char *at, *end;
	bool bad;
};

uint64_t text_number(struct text *t); /* hexadecimal, up to 16 digits */
void text_letter(struct text *t, char c);
bool text_begins(struct text *t, const char *word); /* and goes on behind it */
size_t text_rest(const struct text *t);
void put_result(int code, struct buf *out); /* OK, or E and an errno */

/* access.c */
typedef void packet_fn(struct gdb *g, struct text *t, struct buf *out);
packet_fn read_registers, write_registers, read_register, write_register;
packet_fn read_memory, write_memory, write_binary;

/* command.c: what a packet asks for while the machine stands; its answer's data to out, unless the
 * answer comes later (false). */
bool command(struct gdb *g, const char *text, size_t len, struct buf *out);
void stop_reply(const struct gdb *g, struct buf *out);
void points_clear(struct gdb *g);

#endif
