/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/acpi_priv.h"

#include "base/buf.h"
#include "hv/vmm/layout_priv.h"

#include <dsdt.hex> /* dsdt.asl, by iasl */
#include <errno.h>
#include <string.h>

enum { HEADER = 36, RSDP_SIZE = 36, FACS_SIZE = 64, FADT_SIZE = 244 };

/* Offsets in the FADT, 5.2.9. */
enum {
	FADT_FACS = 36,
	FADT_DSDT = 40,
	FADT_SCI = 46,
	FADT_PM1_EVENT = 56,
	FADT_PM1_CONTROL = 64,
	FADT_PM1_EVENT_LEN = 88,
	FADT_PM1_CONTROL_LEN = 89,
	FADT_C2_LATENCY = 96,
	FADT_C3_LATENCY = 98,
	FADT_CENTURY = 108,
	FADT_BOOT_ARCH = 109,
	FADT_FLAGS = 112,
	FADT_RESET = 116,
	FADT_RESET_VALUE = 128,
	FADT_X_DSDT = 140,
};

enum {
	BOOT_LEGACY_DEVICES = 1 << 0, /* and no 8042 */
	BOOT_NO_VGA = 1 << 2,
	FLAG_WBINVD = 1 << 0,
	FLAG_C1 = 1 << 2,
	FLAG_NO_POWER_BUTTON = 1 << 4,
	FLAG_NO_SLEEP_BUTTON = 1 << 5,
	FLAG_NO_RTC_WAKE = 1 << 6,
	FLAG_RESET = 1 << 10,
	FLAG_HEADLESS = 1 << 12,
	RESET_NOW = 0x06,
	SPACE_IO = 1,
	NO_C2 = 101, /* us; longer than allowed */
	NO_C3 = 1001,
};

struct tables {
	struct buf bytes;
};

static uint64_t here(const struct tables *t)
{
	return ACPI_TABLES + t->bytes.len;
}

static void align(struct tables *t, unsigned to)
{
	buf_reserve(&t->bytes, (to - t->bytes.len % to) % to);
}

/* The byte that makes the sum of len bytes 0. */
static uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum = (uint8_t)(sum + bytes[i]);
	return (uint8_t)-sum;
}

static size_t begin(struct tables *t, const char *signature, uint8_t revision)
{
	size_t at;

	align(t, 16);
	at = t->bytes.len;
	buf_put(&t->bytes, signature, 4);
	buf_u32(&t->bytes, 0); /* length */
	buf_u8(&t->bytes, revision);
	buf_u8(&t->bytes, 0); /* checksum */
	buf_put(&t->bytes, "WEFT\0\0WEFTVMM", 14);
	buf_u32(&t->bytes, 1);
	buf_put(&t->bytes, "WEFT", 4);
	buf_u32(&t->bytes, 1);
	return at;
}

static void end(struct tables *t, size_t at)
{
	uint32_t len = (uint32_t)(t->bytes.len - at);

	if (t->bytes.bad)
		return;
	memcpy(t->bytes.data + at + 4, &len, sizeof(len));
	t->bytes.data[at + 9] = checksum(t->bytes.data + at, len);
}

static uint64_t add_facs(struct tables *t)
{
	uint64_t at;

	align(t, FACS_SIZE);
	at = here(t);
	buf_put(&t->bytes, "FACS", 4);
	buf_u32(&t->bytes, FACS_SIZE);
	buf_reserve(&t->bytes, FACS_SIZE - 8);
	return at;
}

static uint64_t add_dsdt(struct tables *t)
{
	uint64_t at;

	align(t, 16);
	at = here(t);
	buf_put(&t->bytes, dsdt_aml_code, sizeof(dsdt_aml_code));
	return at;
}

static void set(struct tables *t, size_t at, const void *value, size_t len)
{
	if (!t->bytes.bad)
		memcpy(t->bytes.data + at, value, len);
}

#define SET(t, at, type, value) set(t, at, &(type){ value }, sizeof(type))

static uint64_t add_fadt(struct tables *t, uint64_t facs, uint64_t dsdt)
{
	size_t at = begin(t, "FACP", 3);

	buf_reserve(&t->bytes, FADT_SIZE - HEADER);
	SET(t, at + FADT_FACS, uint32_t, (uint32_t)facs);
	SET(t, at + FADT_DSDT, uint32_t, (uint32_t)dsdt);
	SET(t, at + FADT_X_DSDT, uint64_t, dsdt);
	SET(t, at + FADT_SCI, uint16_t, IRQ_SCI);
	SET(t, at + FADT_PM1_EVENT, uint32_t, PORT_PM_EVENT);
	SET(t, at + FADT_PM1_EVENT_LEN, uint8_t, 4);
	SET(t, at + FADT_PM1_CONTROL, uint32_t, PORT_PM_CONTROL);
	SET(t, at + FADT_PM1_CONTROL_LEN, uint8_t, 2);
	SET(t, at + FADT_C2_LATENCY, uint16_t, NO_C2);
	SET(t, at + FADT_C3_LATENCY, uint16_t, NO_C3);
	SET(t, at + FADT_CENTURY, uint8_t, 0x32);
	SET(t, at + FADT_BOOT_ARCH, uint16_t, BOOT_LEGACY_DEVICES | BOOT_NO_VGA);
	SET(t, at + FADT_FLAGS, uint32_t,
	    FLAG_WBINVD | FLAG_C1 | FLAG_NO_POWER_BUTTON | FLAG_NO_SLEEP_BUTTON | FLAG_NO_RTC_WAKE |
		    FLAG_RESET | FLAG_HEADLESS);
	SET(t, at + FADT_RESET, uint8_t, SPACE_IO);
	SET(t, at + FADT_RESET + 1, uint8_t, 8); /* bits */
	SET(t, at + FADT_RESET + 3, uint8_t, 1); /* by bytes */
	SET(t, at + FADT_RESET + 4, uint64_t, PORT_RESET);
	SET(t, at + FADT_RESET_VALUE, uint8_t, RESET_NOW);
	end(t, at);
	return ACPI_TABLES + at;
}

static uint64_t add_madt(struct tables *t, unsigned cpus)
{
	static const uint8_t sci[] = { 2, 10, 0, IRQ_SCI, IRQ_SCI, 0, 0, 0, 0x0d, 0 };
	static const uint8_t nmi[] = { 4, 6, 0xff, 0, 0, 1 };
	size_t at = begin(t, "APIC", 3);

	buf_u32(&t->bytes, LAPIC_BASE);
	buf_u32(&t->bytes, 1); /* there are 8259s as well */
	for (unsigned i = 0; i < cpus; i++) {
		const uint8_t lapic[] = { 0, 8, (uint8_t)i, (uint8_t)i, 1, 0, 0, 0 };

		buf_put(&t->bytes, lapic, sizeof(lapic));
	}
	buf_u32(&t->bytes, 1 | 12 << 8); /* IOAPIC, with id 0 */
	buf_u32(&t->bytes, IOAPIC_BASE);
	buf_u32(&t->bytes, 0);
	buf_put(&t->bytes, sci, sizeof(sci)); /* level, active high; all others as on ISA */
	buf_put(&t->bytes, nmi, sizeof(nmi)); /* at LINT1 of all */
	end(t, at);
	return ACPI_TABLES + at;
}

static void put_rsdp(struct tables *t, uint64_t xsdt)
{
	uint8_t r[RSDP_SIZE] = "RSD PTR \0WEFT\0";

	r[15] = 2;
	r[20] = RSDP_SIZE;
	memcpy(r + 24, &xsdt, sizeof(xsdt));
	r[8] = checksum(r, 20);
	r[32] = checksum(r, RSDP_SIZE);
	set(t, 0, r, sizeof(r));
}

int acpi_build(const struct guest_mem *mem, unsigned cpus, uint64_t *rsdp, struct err *err)
{
	struct tables t = { 0 };
	uint64_t fadt, madt, facs, dsdt;
	size_t xsdt;
	void *to;

	buf_reserve(&t.bytes, RSDP_SIZE); /* first, where a guest looks for it */
	facs = add_facs(&t);
	dsdt = add_dsdt(&t);
	fadt = add_fadt(&t, facs, dsdt);
	madt = add_madt(&t, cpus);
	xsdt = begin(&t, "XSDT", 1);
	buf_u64(&t.bytes, fadt);
	buf_u64(&t.bytes, madt);
	end(&t, xsdt);
	put_rsdp(&t, ACPI_TABLES + xsdt);
	to = guest_mem_at(mem, ACPI_TABLES, GENERATION_ID - ACPI_TABLES);
	if (t.bytes.bad || !to || t.bytes.len > GENERATION_ID - ACPI_TABLES) {
		buf_free(&t.bytes);
		return err_set(err, -ENOMEM, "the memory is too small for ACPI tables");
	}
	memcpy(to, t.bytes.data, t.bytes.len);
	buf_free(&t.bytes);
	*rsdp = ACPI_TABLES;
	return 0;
}
