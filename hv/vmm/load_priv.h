/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_LOAD_PRIV_H
#define HV_VMM_LOAD_PRIV_H

/*
 * Puts a kernel, its initramfs and command line into a guest's memory, as firmware would have:
 *
 *   bzImage   by Linux's 64-bit boot protocol (Documentation/arch/x86/boot.rst, 2.12 and later)
 *   ELF       by PVH: 32-bit entry of the note XEN_ELFNOTE_PHYS32_ENTRY, start info in %ebx
 *
 * The images are not trusted: whatever is in them, nothing is written outside the memory, and what
 * does not fit is an error with a sentence.
 */

#include "base/err.h"
#include "virtio/mem.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_conf {
	const uint8_t *kernel;
	size_t kernel_len;
	const uint8_t *initrd; /* NULL: none */
	size_t initrd_len;
	const char *cmdline;
	uint64_t rsdp;
};

/* How the first CPU begins. */
struct load_entry {
	bool long_mode; /* else 32-bit protected mode without paging */
	uint64_t rip;
	uint64_t info; /* 64-bit: boot parameters, in %rsi; 32-bit: start info, in %ebx */
};

int load_boot(const struct guest_mem *mem, const struct load_conf *conf, struct load_entry *out,
	      struct err *err);

/* Shared by the formats. */
enum { LOAD_RAM = 1, LOAD_RESERVED = 2 }; /* types of E820 and of PVH's memory map */

struct load_range {
	uint64_t at, len;
	uint32_t type;
};

enum { LOAD_MAP_MAX = 8 };

unsigned load_map(const struct guest_mem *mem, struct load_range map[LOAD_MAP_MAX]);
int load_put(const struct guest_mem *mem, uint64_t at, const void *bytes, uint64_t len,
	     const char *what, struct err *err);
/* As high in low memory as it goes, above `from`, below `max`. */
int load_initrd(const struct guest_mem *mem, const struct load_conf *conf, uint64_t from, uint64_t max,
		uint64_t *at, struct err *err);

bool elf_is(const uint8_t *bytes, size_t len);
int elf_load(const struct guest_mem *mem, const struct load_conf *conf, struct load_entry *out,
	     struct err *err);
bool bzimage_is(const uint8_t *bytes, size_t len);
int bzimage_load(const struct guest_mem *mem, const struct load_conf *conf, struct load_entry *out,
		 struct err *err);

#endif
