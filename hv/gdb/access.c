/* SPDX-License-Identifier: Apache-2.0 */
/* Registers and memory (GDB manual, E.2: g, G, p, P, m, M, X). */
#include "hv/gdb/gdb_priv.h"

#include <errno.h>
#include <string.h>

enum { MEMORY_MAX = PACKET_MAX / 2 - 32 };

static int registers_get(struct gdb *g, uint8_t bytes[REGISTERS_BYTES])
{
	struct gdb_registers regs = { 0 };
	int code = g->ops->registers(g->arg, g->cpu, &regs);

	if (!code)
		registers_pack(&regs, bytes);
	return code;
}

static int registers_put(struct gdb *g, const uint8_t bytes[REGISTERS_BYTES])
{
	struct gdb_registers regs = { 0 };

	registers_unpack(bytes, &regs);
	return g->ops->set_registers(g->arg, g->cpu, &regs);
}

void read_registers(struct gdb *g, struct text *t, struct buf *out)
{
	uint8_t bytes[REGISTERS_BYTES];
	int code = registers_get(g, bytes);

	if (code)
		put_result(code, out);
	else
		hex_put(out, bytes, sizeof(bytes));
}

void write_registers(struct gdb *g, struct text *t, struct buf *out)
{
	uint8_t bytes[REGISTERS_BYTES];
	bool good = text_rest(t) == 2 * sizeof(bytes) && hex_bytes(t->at, bytes, sizeof(bytes));

	put_result(good ? registers_put(g, bytes) : -EINVAL, out);
}

void read_register(struct gdb *g, struct text *t, struct buf *out)
{
	uint8_t bytes[REGISTERS_BYTES];
	uint64_t n = text_number(t);
	size_t offset, size;
	int code = t->bad || n > REGISTERS || !register_at((unsigned)n, &offset, &size) ?
			   -EINVAL : registers_get(g, bytes);

	if (code)
		put_result(code, out);
	else
		hex_put(out, bytes + offset, size);
}

void write_register(struct gdb *g, struct text *t, struct buf *out)
{
	uint8_t bytes[REGISTERS_BYTES];
	uint64_t n = text_number(t);
	size_t offset, size;
	int code;

	text_letter(t, '=');
	if (t->bad || n > REGISTERS || !register_at((unsigned)n, &offset, &size) ||
	    text_rest(t) != 2 * size) {
		put_result(-EINVAL, out);
		return;
	}
	code = registers_get(g, bytes);
	if (!code)
		code = hex_bytes(t->at, bytes + offset, size) ? registers_put(g, bytes) : -EINVAL;
	put_result(code, out);
}

void read_memory(struct gdb *g, struct text *t, struct buf *out)
{
	uint8_t bytes[MEMORY_MAX];
	uint64_t at = text_number(t), len;
	int code;

	text_letter(t, ',');
	len = text_number(t);
	if (len > sizeof(bytes))
		len = sizeof(bytes);
	code = t->bad ? -EINVAL : g->ops->memory(g->arg, g->cpu, at, false, bytes, (size_t)len);
	if (code)
		put_result(code, out);
	else
		hex_put(out, bytes, (size_t)len);
}

static void put_memory(struct gdb *g, struct text *t, bool hex, struct buf *out)
{
	uint8_t bytes[PACKET_MAX];
	uint64_t at = text_number(t), len;
	bool good;

	text_letter(t, ',');
	len = text_number(t);
	text_letter(t, ':');
	good = !t->bad && len <= sizeof(bytes) && text_rest(t) == len * (hex ? 2 : 1);
	if (good && hex)
		good = hex_bytes(t->at, bytes, (size_t)len);
	else if (good)
		memcpy(bytes, t->at, (size_t)len);
	if (good && !len) /* whether X is known */
		put_result(0, out);
	else
		put_result(good ? g->ops->memory(g->arg, g->cpu, at, true, bytes, (size_t)len) : -EINVAL,
		       out);
}

void write_memory(struct gdb *g, struct text *t, struct buf *out)
{
	put_memory(g, t, true, out);
}

void write_binary(struct gdb *g, struct text *t, struct buf *out)
{
	put_memory(g, t, false, out);
}
