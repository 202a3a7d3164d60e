/* SPDX-License-Identifier: Apache-2.0 */
/* The machine as it tells an operating system what cannot be found by looking: layout_priv.h. */
DefinitionBlock ("", "DSDT", 2, "WEFT", "WEFTVMM", 1)
{
	/* SLP_TYP of power-off */
	Name (\_S5, Package () { 5, 5, 0, 0 })

	Scope (\_SB)
	{
		Device (PCI0)
		{
			Name (_HID, EisaId ("PNP0A03"))
			Name (_UID, 0)
			Name (_BBN, 0)
			Name (_CRS, ResourceTemplate ()
			{
				WordBusNumber (ResourceProducer, MinFixed, MaxFixed, PosDecode,
					0, 0, 0, 0, 1)
				IO (Decode16, 0x0cf8, 0x0cf8, 1, 8)
				DWordMemory (ResourceProducer, PosDecode, MinFixed, MaxFixed,
					NonCacheable, ReadWrite,
					0, 0xc0000000, 0xcfffffff, 0, 0x10000000)
			})
		}

		Device (RTC)
		{
			Name (_HID, EisaId ("PNP0B00"))
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0070, 0x0070, 1, 2)
			})
		}

		Device (COM1)
		{
			Name (_HID, EisaId ("PNP0501"))
			Name (_UID, 1)
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x03f8, 0x03f8, 1, 8)
				IRQNoFlags () { 4 }
			})
		}

		/* 16 bytes that are others in each machine that goes on from a saved one ("Virtual
		 * Machine Generation ID", Microsoft 2012), and the interrupt that says so */
		Device (VGEN)
		{
			Name (_HID, "WEFT0001")
			Name (_CID, "VM_Gen_Counter")
			Name (_DDN, "VM_Gen_Counter")
			Name (ADDR, Package () { 0x000ff000, 0 })
		}

		Device (GED)
		{
			Name (_HID, "ACPI0013")
			Name (_CRS, ResourceTemplate ()
			{
				Interrupt (ResourceConsumer, Edge, ActiveHigh, Exclusive) { 16 }
			})
			Method (_EVT, 1, Serialized)
			{
				Notify (VGEN, 0x80)
			}
		}

		/* pvpanic: a write says that the guest has crashed */
		Device (PEVT)
		{
			Name (_HID, "QEMU0001")
			Name (_CRS, ResourceTemplate ()
			{
				IO (Decode16, 0x0505, 0x0505, 1, 1)
			})
		}
	}
}
