/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/load_priv.h"

#include "base/rd.h"
#include "hv/vmm/layout_priv.h"

#include <elf.h>
#include <errno.h>
#include <string.h>

enum { NOTE_PHYS32_ENTRY = 18, START_MAGIC = 0x336ec578, PHDRS_MAX = 64 };

/* PVH (Xen's docs/misc/pvh.pandoc, public/arch-x86/hvm/start_info.h), version 1. */
struct start_info {
	uint32_t magic, version, flags, module_count;
	uint64_t modules, cmdline, rsdp, map;
	uint32_t map_count, reserved;
};

struct start_module {
	uint64_t at, len, cmdline, reserved;
};

struct start_range {
	uint64_t at, len;
	uint32_t type, reserved;
};

/* All of it, at BOOT_INFO. */
struct start {
	struct start_info info;
	struct start_module module;
	struct start_range map[LOAD_MAP_MAX];
};

bool elf_is(const uint8_t *bytes, size_t len)
{
	return len >= SELFMAG && memcmp(bytes, ELFMAG, SELFMAG) == 0;
}

/* Bytes of the file, whole or nothing. */
static const uint8_t *part(const struct load_conf *conf, uint64_t at, uint64_t len)
{
	return at <= conf->kernel_len && len <= conf->kernel_len - at ? conf->kernel + at : NULL;
}

/* The entry that a notes segment names, or 0. */
static uint64_t entry_of(const uint8_t *notes, size_t len)
{
	struct rd r = rd_of(notes, len);

	while (r.left >= sizeof(Elf64_Nhdr) && !r.bad) {
		uint32_t name_len = rd_u32(&r), desc_len = rd_u32(&r), type = rd_u32(&r);
		const uint8_t *name = rd_bytes(&r, ((uint64_t)name_len + 3) & ~3ull);
		struct rd desc = rd_sub(&r, ((uint64_t)desc_len + 3) & ~3ull);

		if (name && type == NOTE_PHYS32_ENTRY && name_len == 4 && memcmp(name, "Xen", 4) == 0 &&
		    !desc.bad && (desc_len == 4 || desc_len == 8))
			return desc_len == 4 ? rd_u32(&desc) : rd_u64(&desc);
	}
	return 0;
}

static int load_segment(const struct guest_mem *mem, const struct load_conf *conf,
			const Elf64_Phdr *ph, uint64_t *end, struct err *err)
{
	const uint8_t *bytes = part(conf, ph->p_offset, ph->p_filesz);
	uint8_t *to = guest_mem_at(mem, ph->p_paddr, ph->p_memsz);

	if (!bytes || ph->p_filesz > ph->p_memsz)
		return err_set(err, -ENOEXEC, "the kernel's file ends within a segment");
	if (!to || ph->p_paddr < BIOS_END)
		return err_set(err, -E2BIG, "the kernel needs %llu bytes of memory at 0x%llx",
			       (unsigned long long)ph->p_memsz, (unsigned long long)ph->p_paddr);
	memcpy(to, bytes, ph->p_filesz);
	memset(to + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);
	if (ph->p_paddr + ph->p_memsz > *end)
		*end = ph->p_paddr + ph->p_memsz;
	return 0;
}

/* Loads the segments; says where they end and where the kernel begins. */
static int load_segments(const struct guest_mem *mem, const struct load_conf *conf, uint64_t *end,
			 uint64_t *entry, struct err *err)
{
	const uint8_t *at = part(conf, 0, sizeof(Elf64_Ehdr));
	Elf64_Ehdr eh = { 0 };
	Elf64_Phdr ph;
	int code = 0;

	if (at)
		memcpy(&eh, at, sizeof(eh));
	if (eh.e_ident[EI_CLASS] != ELFCLASS64 || eh.e_machine != EM_X86_64 || eh.e_phnum > PHDRS_MAX ||
	    eh.e_phentsize != sizeof(ph))
		return err_set(err, -ENOEXEC, "the kernel is not an ELF file for x86-64");
	for (unsigned i = 0; i < eh.e_phnum && !code; i++) {
		const uint8_t *notes;

		at = eh.e_phoff <= conf->kernel_len ? part(conf, eh.e_phoff + i * sizeof(ph), sizeof(ph)) :
						      NULL;
		if (!at)
			return err_set(err, -ENOEXEC, "the kernel's file ends within its headers");
		memcpy(&ph, at, sizeof(ph));
		if (ph.p_type == PT_LOAD && ph.p_memsz)
			code = load_segment(mem, conf, &ph, end, err);
		notes = ph.p_type == PT_NOTE ? part(conf, ph.p_offset, ph.p_filesz) : NULL;
		if (notes && !*entry)
			*entry = entry_of(notes, ph.p_filesz);
	}
	return code;
}

static int put_info(const struct guest_mem *mem, const struct load_conf *conf, uint64_t initrd,
		    struct err *err)
{
	struct load_range map[LOAD_MAP_MAX];
	struct start s = {
		.info = { .magic = START_MAGIC, .version = 1, .cmdline = BOOT_CMDLINE,
			  .rsdp = conf->rsdp, .map = BOOT_INFO + offsetof(struct start, map),
			  .map_count = load_map(mem, map) },
		.module = { .at = initrd, .len = conf->initrd_len },
	};

	if (initrd) {
		s.info.module_count = 1;
		s.info.modules = BOOT_INFO + offsetof(struct start, module);
	}
	for (unsigned i = 0; i < s.info.map_count; i++)
		s.map[i] = (struct start_range){ map[i].at, map[i].len, map[i].type, 0 };
	return load_put(mem, BOOT_INFO, &s, sizeof(s), "start info", err);
}

int elf_load(const struct guest_mem *mem, const struct load_conf *conf, struct load_entry *out,
	     struct err *err)
{
	uint64_t end = BIOS_END, entry = 0, initrd;
	int code = load_segments(mem, conf, &end, &entry, err);

	if (code)
		return code;
	if (!entry || entry > UINT32_MAX)
		return err_set(err, -ENOEXEC, "the kernel's ELF file has no PVH entry");
	code = load_initrd(mem, conf, end, UINT32_MAX, &initrd, err);
	if (!code)
		code = put_info(mem, conf, initrd, err);
	if (code)
		return code;
	*out = (struct load_entry){ .rip = entry, .info = BOOT_INFO };
	return 0;
}
