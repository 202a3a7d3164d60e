/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels made by hand: what is right lands where it belongs, what is not is refused. */
#include "tests/unit/test.h"

#include "hv/vmm/acpi_priv.h"
#include "hv/vmm/layout_priv.h"
#include "hv/vmm/load_priv.h"

#include <asm/bootparam.h>
#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY = 8 << 20, KERNEL = 16384, SETUP = 5 * 512, PREFERRED = 2 << 20 };

static uint8_t memory[MEMORY], kernel[KERNEL], initrd[100000];
static const struct guest_mem mem = { .count = 1, .range = { { 0, MEMORY, memory } } };
static struct load_conf conf;
static struct load_entry entry;
static struct err err;

static struct setup_header *header(void)
{
	return (void *)(kernel + 0x1f1);
}

static int boot(void)
{
	memset(memory, 0, sizeof(memory));
	err.text[0] = 0;
	return load_boot(&mem, &conf, &entry, &err);
}

static int bzimage(void **state)
{
	memset(kernel, 0x90, sizeof(kernel));
	memset(initrd, 0x77, sizeof(initrd));
	*header() = (struct setup_header){
		.setup_sects = 4, .jump = 0x6aeb, .header = 0x53726448, .version = 0x20f,
		.loadflags = LOADED_HIGH, .xloadflags = XLF_KERNEL_64, .pref_address = PREFERRED,
		.init_size = 1 << 20, .initrd_addr_max = 0x7fffffff, .relocatable_kernel = 1,
		.kernel_alignment = 1 << 20, .cmdline_size = 2047,
	};
	conf = (struct load_conf){ kernel, sizeof(kernel), initrd, sizeof(initrd), "console=ttyS0", 0xe0000 };
	return 0;
}

static void bzimage_boots(void **state)
{
	const struct boot_params *p = (void *)(memory + BOOT_PARAMS);
	uint64_t sum = 0;

	assert_int_equal(boot(), 0);
	assert_true(entry.long_mode);
	assert_int_equal(entry.rip, PREFERRED + 0x200);
	assert_int_equal(entry.info, BOOT_PARAMS);
	assert_memory_equal(memory + PREFERRED, kernel + SETUP, KERNEL - SETUP);
	assert_int_equal(p->hdr.header, 0x53726448);
	assert_int_equal(p->hdr.type_of_loader, 0xff);
	assert_string_equal((char *)memory + p->hdr.cmd_line_ptr, "console=ttyS0");
	assert_int_equal(p->acpi_rsdp_addr, 0xe0000);
	assert_int_equal(p->hdr.ramdisk_size, sizeof(initrd));
	assert_int_equal(p->hdr.ramdisk_image % 4096, 0);
	assert_true(p->hdr.ramdisk_image >= PREFERRED + (1 << 20));
	assert_memory_equal(memory + p->hdr.ramdisk_image, initrd, sizeof(initrd));
	for (unsigned i = 0; i < p->e820_entries; i++)
		sum += p->e820_table[i].type == LOAD_RAM ? p->e820_table[i].size : 0;
	assert_int_equal(sum, MEMORY - BIOS_END + LOW_END);
}

static void bzimage_moves_if_it_can(void **state)
{
	header()->pref_address = 64 << 20;
	assert_int_equal(boot(), 0);
	assert_int_equal(entry.rip, (1 << 20) + 0x200);
	header()->relocatable_kernel = 0;
	assert_int_equal(boot(), -E2BIG);
	assert_non_null(strstr(err.text, "0x4000000"));
}

static void bad_bzimages(void **state)
{
	header()->version = 0x20b;
	assert_int_equal(boot(), -ENOEXEC);
	bzimage(state);
	header()->xloadflags = 0;
	assert_int_equal(boot(), -ENOEXEC);
	bzimage(state);
	header()->setup_sects = 64;
	assert_int_equal(boot(), -ENOEXEC);
	bzimage(state);
	header()->init_size = 0xffffffff;
	assert_int_equal(boot(), -E2BIG);
	bzimage(state);
	header()->initrd_addr_max = PREFERRED;
	assert_int_equal(boot(), -E2BIG);
	bzimage(state);
	header()->header = 0;
	assert_int_equal(boot(), -ENOEXEC);
	for (conf.kernel_len = 0; conf.kernel_len < 600; conf.kernel_len += 7)
		assert_int_equal(boot(), -ENOEXEC);
	bzimage(state);
	conf.initrd_len = MEMORY;
	assert_int_equal(boot(), -E2BIG);
}

static Elf64_Phdr *program(unsigned i)
{
	return (Elf64_Phdr *)(void *)(kernel + sizeof(Elf64_Ehdr)) + i;
}

static int elf(void **state)
{
	static const struct { uint32_t name_len, desc_len, type; char name[4]; uint32_t entry; } note = {
		4, 4, 18, "Xen", 0x300010 };
	Elf64_Ehdr e = { .e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB }, .e_type = ET_EXEC,
			 .e_machine = EM_X86_64, .e_phoff = sizeof(e), .e_phnum = 2,
			 .e_phentsize = sizeof(Elf64_Phdr) };

	bzimage(state);
	memcpy(kernel, &e, sizeof(e));
	*program(0) = (Elf64_Phdr){ .p_type = PT_LOAD, .p_offset = 4096, .p_paddr = 0x300000,
				    .p_filesz = 100, .p_memsz = 8192 };
	*program(1) = (Elf64_Phdr){ .p_type = PT_NOTE, .p_offset = 2048, .p_filesz = sizeof(note) };
	memcpy(kernel + 2048, &note, sizeof(note));
	return 0;
}

static void elf_boots(void **state)
{
	const struct { uint32_t magic, version, flags, modules; uint64_t list, cmdline, rsdp, map;
		       uint32_t entries; } *s = (void *)(memory + BOOT_INFO);
	const uint64_t *module;

	assert_int_equal(boot(), 0);
	assert_false(entry.long_mode);
	assert_int_equal(entry.rip, 0x300010);
	assert_int_equal(entry.info, BOOT_INFO);
	assert_memory_equal(memory + 0x300000, kernel + 4096, 100);
	assert_int_equal(memory[0x300000 + 100], 0);
	assert_int_equal(s->magic, 0x336ec578);
	assert_int_equal(s->modules, 1);
	assert_int_equal(s->rsdp, 0xe0000);
	assert_int_equal(s->entries, 4);
	assert_string_equal((char *)memory + s->cmdline, "console=ttyS0");
	module = (void *)(memory + s->list);
	assert_int_equal(module[1], sizeof(initrd));
	assert_memory_equal(memory + module[0], initrd, sizeof(initrd));
}

static void bad_elfs(void **state)
{
	program(0)->p_paddr = 0x1000;
	assert_int_equal(boot(), -E2BIG);
	elf(state);
	program(0)->p_memsz = UINT64_MAX;
	assert_int_equal(boot(), -E2BIG);
	elf(state);
	program(0)->p_filesz = 8193;
	assert_int_equal(boot(), -ENOEXEC);
	elf(state);
	program(0)->p_offset = UINT64_MAX - 50;
	assert_int_equal(boot(), -ENOEXEC);
	elf(state);
	program(1)->p_type = PT_NULL;
	assert_int_equal(boot(), -ENOEXEC);
	elf(state);
	((Elf64_Ehdr *)(void *)kernel)->e_phoff = UINT64_MAX - 8;
	assert_int_equal(boot(), -ENOEXEC);
	elf(state);
	((Elf64_Ehdr *)(void *)kernel)->e_machine = EM_386;
	assert_int_equal(boot(), -ENOEXEC);
}

static void command_line_too_long(void **state)
{
	char *text = calloc(1, BOOT_CMDLINE_MAX + 1);

	memset(text, 'x', BOOT_CMDLINE_MAX);
	conf.cmdline = text;
	assert_int_equal(boot(), -E2BIG);
	text[BOOT_CMDLINE_MAX - 1] = 0;
	assert_int_equal(boot(), 0);
	free(text);
}

static bool sums_to_zero(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	while (len--)
		sum = (uint8_t)(sum + *bytes++);
	return sum == 0;
}

/* The tables hang together, and their sums are right. */
static void acpi(void **state)
{
	const uint8_t *r = memory + ACPI_TABLES, *xsdt;
	uint64_t rsdp, at;
	uint32_t len;

	assert_int_equal(acpi_build(&mem, 8, &rsdp, &err), 0);
	assert_int_equal(rsdp, ACPI_TABLES);
	assert_memory_equal(r, "RSD PTR ", 8);
	assert_true(sums_to_zero(r, 20) && sums_to_zero(r, 36));
	memcpy(&at, r + 24, sizeof(at));
	xsdt = memory + at;
	assert_memory_equal(xsdt, "XSDT", 4);
	memcpy(&len, xsdt + 4, sizeof(len));
	assert_true(sums_to_zero(xsdt, len));
	assert_int_equal(len, 36 + 2 * 8);
	for (unsigned i = 0; i < 2; i++) {
		memcpy(&at, xsdt + 36 + 8 * i, sizeof(at));
		assert_memory_equal(memory + at, i ? "APIC" : "FACP", 4);
		memcpy(&len, memory + at + 4, sizeof(len));
		assert_true(sums_to_zero(memory + at, len));
	}
	assert_int_equal(len, 44 + 8 * 8 + 12 + 10 + 6);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(bzimage_boots, bzimage),
		cmocka_unit_test_setup(bzimage_moves_if_it_can, bzimage),
		cmocka_unit_test_setup(bad_bzimages, bzimage),
		cmocka_unit_test_setup(elf_boots, elf),
		cmocka_unit_test_setup(bad_elfs, elf),
		cmocka_unit_test_setup(command_line_too_long, bzimage),
		cmocka_unit_test(acpi),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
