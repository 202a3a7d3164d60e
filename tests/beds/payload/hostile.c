/* SPDX-License-Identifier: Apache-2.0 */
/* Writes whatever comes to the ports, the configuration space and the registers of all devices, and
 * still finds a machine that answers. */
#include "payload.h"

static uint32_t state = 12345;

static uint32_t any(void)
{
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

/* All but the ports by which it would end, and those that are KVM's own. */
static uint16_t port(void)
{
	static const uint16_t at[] = { 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3ff, 0x70, 0x71, 0xcf8,
				       0xcfa, 0xcfc, 0xcfd, 0xcff, 0x600, 0x602, 0x1234, 0xffff };

	return at[any() % (sizeof(at) / sizeof(at[0]))];
}

static void ports(void)
{
	for (unsigned i = 0; i < 2000; i++) {
		uint16_t at = port();

		switch (any() % 6) {
		case 0:
			out8(at == 0x3f8 ? 0x3ff : at, (uint8_t)any());
			break;
		case 1:
			out16(at == 0x3f8 ? 0x3ff : at, (uint16_t)any());
			break;
		case 2:
			out32(at < 0x3f9 ? 0xcf8 : at, any());
			break;
		case 3:
			in8(at);
			break;
		case 4:
			in16(at);
			break;
		default:
			in32(at);
			break;
		}
	}
}

static void config_space(void)
{
	for (unsigned i = 0; i < 2000; i++) {
		unsigned function = 8 * (1 + any() % 11), at = any() % 64 * 4;

		pci_write(function, at, any());
		pci_read(function, at);
	}
}

static void registers(void)
{
	for (unsigned i = 0; i < 3000; i++) {
		uint32_t at = 0xc0000000u + 8 * (1 + any() % 11) * 0x8000 + any() % 8 * 0x1000 + any() % 64 * 4;

		if (any() % 2)
			REG32(at) = any();
		else
			REG8(at) = (uint8_t)any();
		(void)REG32(at);
	}
}

void payload_main(uint64_t info)
{
	say("hostile\n");
	registers();
	config_space();
	ports();
	out8(0x3fb, 3); /* the serial line as it was */
	out8(0x3fc, 0);
	out8(0x3f9, 0);
	say("\n");
	check(pci_read(0, 0) == 0x00081b36, "the machine still answers");
}
