/* SPDX-License-Identifier: Apache-2.0 */
/* The registers as gdb's feature org.gnu.gdb.i386.core has them, with two of its segments. */
#include "hv/gdb/gdb_priv.h"

#include <string.h>

#define REG(name, bits, type) "<reg name=\"" name "\" bitsize=\"" bits "\" type=\"" type "\"/>"
#define LONG(name)	      REG(name, "64", "int64")
#define WORD(name)	      REG(name, "32", "int32")
#define STACK(name)	      REG(name, "80", "i387_ext")

const char gdb_target_xml[] =
	"<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target>"
	"<architecture>i386:x86-64</architecture><feature name=\"org.gnu.gdb.i386.core\">"
	LONG("rax") LONG("rbx") LONG("rcx") LONG("rdx") LONG("rsi") LONG("rdi")
	REG("rbp", "64", "data_ptr") REG("rsp", "64", "data_ptr")
	LONG("r8") LONG("r9") LONG("r10") LONG("r11") LONG("r12") LONG("r13") LONG("r14") LONG("r15")
	REG("rip", "64", "code_ptr") WORD("eflags")
	WORD("cs") WORD("ss") WORD("ds") WORD("es") WORD("fs") WORD("gs")
	STACK("st0") STACK("st1") STACK("st2") STACK("st3")
	STACK("st4") STACK("st5") STACK("st6") STACK("st7")
	WORD("fctrl") WORD("fstat") WORD("ftag") WORD("fiseg")
	WORD("fioff") WORD("foseg") WORD("fooff") WORD("fop")
	"</feature><feature name=\"org.gnu.gdb.i386.segments\">"
	LONG("fs_base") LONG("gs_base")
	"</feature></target>";

/* Runs of registers of one size, in the order of both the packet and the struct. */
struct run {
	unsigned count;
	size_t size, in_struct;
};

static const struct run runs[] = {
	{ 16, 8, offsetof(struct gdb_registers, general) },
	{ 1, 8, offsetof(struct gdb_registers, rip) },
	{ 1, 4, offsetof(struct gdb_registers, eflags) },
	{ 6, 4, offsetof(struct gdb_registers, segment) },
	{ 8, 10, offsetof(struct gdb_registers, st) },
	{ 8, 4, offsetof(struct gdb_registers, x87) },
	{ 1, 8, offsetof(struct gdb_registers, fs_base) },
	{ 1, 8, offsetof(struct gdb_registers, gs_base) },
};

enum { RUNS = sizeof(runs) / sizeof(runs[0]) };

void registers_pack(const struct gdb_registers *regs, uint8_t bytes[REGISTERS_BYTES])
{
	size_t at = 0;

	for (unsigned i = 0; i < RUNS; at += runs[i].count * runs[i].size, i++)
		memcpy(bytes + at, (const uint8_t *)regs + runs[i].in_struct,
		       runs[i].count * runs[i].size);
}

void registers_unpack(const uint8_t bytes[REGISTERS_BYTES], struct gdb_registers *regs)
{
	size_t at = 0;

	for (unsigned i = 0; i < RUNS; at += runs[i].count * runs[i].size, i++)
		memcpy((uint8_t *)regs + runs[i].in_struct, bytes + at,
		       runs[i].count * runs[i].size);
}

bool register_at(unsigned n, size_t *offset, size_t *size)
{
	*offset = 0;
	for (unsigned i = 0; i < RUNS; i++) {
		*size = runs[i].size;
		if (n < runs[i].count) {
			*offset += n * runs[i].size;
			return true;
		}
		n -= runs[i].count;
		*offset += runs[i].count * runs[i].size;
	}
	return false;
}
