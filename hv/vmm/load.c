/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/load_priv.h"

#include "hv/vmm/layout_priv.h"

#include <errno.h>
#include <string.h>

/* GDT: null, null, 64-bit code, data; then 32-bit code. The selectors are those of Linux's protocol. */
static const uint64_t gdt[] = { 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff, 0x00cf9b000000ffff };

/* The first 4 GiB, one to one, in pages of 2 MiB. */
static int put_page_tables(const struct guest_mem *mem, struct err *err)
{
	enum { PRESENT_WRITABLE = 3, LARGE = 0x80 };
	uint64_t *t = guest_mem_at(mem, BOOT_TABLES, 6 * 4096);

	if (!t)
		return err_set(err, -EINVAL, "the memory is too small to boot");
	memset(t, 0, 6 * 4096);
	t[0] = (BOOT_TABLES + 4096) | PRESENT_WRITABLE;
	for (unsigned i = 0; i < 4; i++)
		t[512 + i] = (BOOT_TABLES + (2 + i) * 4096) | PRESENT_WRITABLE;
	for (uint64_t i = 0; i < 4 * 512; i++)
		t[1024 + i] = i << 21 | LARGE | PRESENT_WRITABLE;
	return 0;
}

int load_put(const struct guest_mem *mem, uint64_t at, const void *bytes, uint64_t len,
	     const char *what, struct err *err)
{
	void *to = guest_mem_at(mem, at, len);

	if (!to)
		return err_set(err, -E2BIG, "%s: %llu bytes at 0x%llx are not in the guest's memory", what,
			       (unsigned long long)len, (unsigned long long)at);
	memcpy(to, bytes, len);
	return 0;
}

unsigned load_map(const struct guest_mem *mem, struct load_range map[LOAD_MAP_MAX])
{
	unsigned n = 0;

	map[n++] = (struct load_range){ 0, LOW_END, LOAD_RAM };
	map[n++] = (struct load_range){ LOW_END, 0xa0000 - LOW_END, LOAD_RESERVED };
	map[n++] = (struct load_range){ ACPI_TABLES, BIOS_END - ACPI_TABLES, LOAD_RESERVED };
	map[n++] = (struct load_range){ BIOS_END, mem->range[0].len - BIOS_END, LOAD_RAM };
	if (mem->count > 1)
		map[n++] = (struct load_range){ mem->range[1].gpa, mem->range[1].len, LOAD_RAM };
	return n;
}

int load_initrd(const struct guest_mem *mem, const struct load_conf *conf, uint64_t from, uint64_t max,
		uint64_t *at, struct err *err)
{
	uint64_t end = mem->range[0].len < max ? mem->range[0].len : max;

	*at = 0;
	if (!conf->initrd_len)
		return 0;
	if (end <= from || conf->initrd_len > end - from || ((end - conf->initrd_len) & ~4095ull) < from)
		return err_set(err, -E2BIG, "the initrd of %zu bytes does not fit into the guest's memory",
			       conf->initrd_len);
	*at = (end - conf->initrd_len) & ~4095ull;
	return load_put(mem, *at, conf->initrd, conf->initrd_len, "initrd", err);
}

int load_boot(const struct guest_mem *mem, const struct load_conf *conf, struct load_entry *out,
	      struct err *err)
{
	size_t cmdline = strlen(conf->cmdline) + 1;
	int code;

	if (cmdline > BOOT_CMDLINE_MAX)
		return err_set(err, -E2BIG, "the kernel's command line is longer than %u bytes",
			       BOOT_CMDLINE_MAX - 1);
	if (mem->range[0].len <= BIOS_END)
		return err_set(err, -EINVAL, "the memory is too small to boot");
	code = load_put(mem, BOOT_CMDLINE, conf->cmdline, cmdline, "command line", err);
	if (!code)
		code = load_put(mem, BOOT_GDT, gdt, sizeof(gdt), "GDT", err);
	if (!code)
		code = put_page_tables(mem, err);
	if (code)
		return code;
	if (elf_is(conf->kernel, conf->kernel_len))
		return elf_load(mem, conf, out, err);
	if (bzimage_is(conf->kernel, conf->kernel_len))
		return bzimage_load(mem, conf, out, err);
	return err_set(err, -ENOEXEC, "the kernel is neither a bzImage nor an ELF file");
}
