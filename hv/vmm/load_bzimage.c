/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/load_priv.h"

#include "hv/vmm/layout_priv.h"

#include <asm/bootparam.h>
#include <errno.h>
#include <string.h>

enum {
	HEADER_AT = 0x1f1,
	HEADER_MAGIC = 0x53726448, /* "HdrS" */
	VERSION_MIN = 0x20c,	   /* the first with a 64-bit entry */
	ENTRY_64 = 0x200,
	LOADER_UNKNOWN = 0xff,
	SETUP_SECTS_DEFAULT = 4,
};

/* Fetches the header; what an older kernel's lacks is 0. */
static bool header_of(const uint8_t *bytes, size_t len, struct setup_header *h)
{
	size_t end;

	if (len < HEADER_AT + sizeof(*h))
		return false;
	/* It ends where the jump of its first instruction leads. */
	end = 0x202u + bytes[0x201] - HEADER_AT;
	memset(h, 0, sizeof(*h));
	memcpy(h, bytes + HEADER_AT, end < sizeof(*h) ? end : sizeof(*h));
	return h->header == HEADER_MAGIC;
}

bool bzimage_is(const uint8_t *bytes, size_t len)
{
	struct setup_header h;

	return header_of(bytes, len, &h);
}

static int check(const struct setup_header *h, struct err *err)
{
	if (h->version < VERSION_MIN || !(h->xloadflags & XLF_KERNEL_64) || !(h->loadflags & LOADED_HIGH))
		return err_set(err, -ENOEXEC, "the kernel has no 64-bit entry (boot protocol %u.%u)",
			       h->version >> 8, h->version & 0xff);
	return 0;
}

/* Where the kernel wants to lie, if there is room for it to unpack itself. */
static int place(const struct guest_mem *mem, const struct setup_header *h, uint64_t len, uint64_t *at,
		 struct err *err)
{
	uint64_t need = h->init_size > len ? h->init_size : len;

	*at = h->pref_address;
	if (*at >= BIOS_END && guest_mem_at(mem, *at, need))
		return 0;
	*at = BIOS_END;
	if (h->relocatable_kernel && h->kernel_alignment && h->kernel_alignment <= UINT32_MAX / 2)
		*at = (BIOS_END + (uint64_t)h->kernel_alignment - 1) / h->kernel_alignment *
		      h->kernel_alignment;
	if (h->relocatable_kernel && guest_mem_at(mem, *at, need))
		return 0;
	return err_set(err, -E2BIG, "the kernel needs %llu bytes of memory at 0x%llx",
		       (unsigned long long)need, (unsigned long long)h->pref_address);
}

static int put_params(const struct guest_mem *mem, const struct load_conf *conf,
		      const struct setup_header *h, uint64_t initrd, struct err *err)
{
	struct boot_params p = { .hdr = *h, .acpi_rsdp_addr = conf->rsdp };
	struct load_range map[LOAD_MAP_MAX];
	unsigned n = load_map(mem, map);

	p.hdr.type_of_loader = LOADER_UNKNOWN;
	p.hdr.cmd_line_ptr = BOOT_CMDLINE;
	p.hdr.ramdisk_image = (uint32_t)initrd; /* below 4 GiB: it lies in low memory */
	p.hdr.ramdisk_size = (uint32_t)conf->initrd_len;
	p.hdr.setup_data = 0;
	p.hdr.vid_mode = 0xffff; /* normal */
	for (unsigned i = 0; i < n; i++)
		p.e820_table[i] = (struct boot_e820_entry){ map[i].at, map[i].len, map[i].type };
	p.e820_entries = (uint8_t)n;
	return load_put(mem, BOOT_PARAMS, &p, sizeof(p), "boot parameters", err);
}

int bzimage_load(const struct guest_mem *mem, const struct load_conf *conf, struct load_entry *out,
		 struct err *err)
{
	struct setup_header h;
	uint64_t at, initrd, len;
	size_t setup;
	int code;

	header_of(conf->kernel, conf->kernel_len, &h);
	code = check(&h, err);
	if (code)
		return code;
	setup = 512u * ((h.setup_sects ? h.setup_sects : SETUP_SECTS_DEFAULT) + 1u);
	if (conf->kernel_len <= setup + ENTRY_64)
		return err_set(err, -ENOEXEC, "the kernel ends within its setup code");
	len = conf->kernel_len - setup;
	code = place(mem, &h, len, &at, err);
	if (!code)
		code = load_put(mem, at, conf->kernel + setup, len, "kernel", err);
	if (!code)
		code = load_initrd(mem, conf, at + (h.init_size > len ? h.init_size : len),
				   (uint64_t)h.initrd_addr_max + 1, &initrd, err);
	if (!code)
		code = put_params(mem, conf, &h, initrd, err);
	if (code)
		return code;
	*out = (struct load_entry){ .long_mode = true, .rip = at + ENTRY_64, .info = BOOT_PARAMS };
	return 0;
}
