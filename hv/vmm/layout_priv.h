/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HV_VMM_LAYOUT_PRIV_H
#define HV_VMM_LAYOUT_PRIV_H

/* What lies where in guest-physical memory, and at which ports. dsdt.asl tells the guest the same. */

#include <stdint.h>

/* Memory up to here, the rest from 4 GiB on. */
#define LOW_MEMORY_END	0xc0000000ull
#define HIGH_MEMORY	0x100000000ull

/* BARs of PCI functions. */
#define PCI_WINDOW	0xc0000000u
#define PCI_WINDOW_SIZE 0x10000000u

#define IOAPIC_BASE	0xfec00000u
#define LAPIC_BASE	0xfee00000u
/* Three pages that KVM needs on VT-x, and one more. */
#define KVM_TSS		0xfffbd000u
#define KVM_IDENTITY	0xfffbc000u

/* Below 640 KiB: what the loader leaves for the guest's first instructions. */
#define BOOT_GDT	0x500u
#define BOOT_INFO	0x6000u /* PVH start info, or Linux's boot parameters at BOOT_PARAMS */
#define BOOT_PARAMS	0x7000u
#define BOOT_TABLES	0x9000u /* page tables, 6 pages */
#define BOOT_CMDLINE	0x20000u
#define BOOT_CMDLINE_MAX 4096u
#define LOW_END		0x9fc00u
#define ACPI_TABLES	0xe0000u
#define GENERATION_ID	0xff000u /* behind the tables */
#define GENERATION_ID_BYTES 16
#define BIOS_END	0x100000u

#define PORT_SERIAL	0x3f8u
#define IRQ_SERIAL	4u
#define PORT_RTC	0x70u
#define PORT_PCI	0xcf8u
#define PORT_RESET	0xcf9u /* of these, byte accesses */
#define PORT_PVPANIC	0x505u
#define PORT_PM_EVENT	0x600u
#define PORT_PM_CONTROL 0x604u
#define IRQ_SCI		9u
#define IRQ_GENERATION	16u
#define SLEEP_S5	5u /* SLP_TYP of \_S5 */

#endif
