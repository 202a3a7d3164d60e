/* SPDX-License-Identifier: Apache-2.0 */
/* A payload as an ELF file with a PVH entry: 32 bits, to be left at once. */
	.section .note.pvh, "a", @note
	.long 4, 4, 18
	.asciz "Xen"
	.long entry

	.section .start, "ax"
	.code32
	.globl entry
entry:
	mov $stack_end, %esp
	mov %ebx, %esi		/* start info */
	mov $tables, %edi	/* 4 GiB, one to one, in pages of 2 MiB */
	lea 0x1003(%edi), %eax
	mov %eax, (%edi)
	lea 0x2003(%edi), %eax
	lea 0x1000(%edi), %edx
	mov $4, %ecx
1:	mov %eax, (%edx)
	add $0x1000, %eax
	add $8, %edx
	loop 1b
	mov $0x83, %eax
	lea 0x2000(%edi), %edx
	mov $2048, %ecx
2:	mov %eax, (%edx)
	add $0x200000, %eax
	add $8, %edx
	loop 2b
	mov %edi, %cr3
	mov %cr4, %eax
	or $0x20, %eax		/* PAE */
	mov %eax, %cr4
	mov $0xc0000080, %ecx	/* EFER.LME */
	rdmsr
	or $0x100, %eax
	wrmsr
	mov %cr0, %eax
	or $0x80000000, %eax
	mov %eax, %cr0
	lgdt table
	ljmp $0x10, $3f
	.code64
3:	mov %esi, %edi
	call payload_main
	call power_off

	.data
	.align 8
gdt:	.quad 0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff
table:	.word 31
	.long gdt

	.bss
	.align 4096
tables:	.skip 0x6000
	.skip 16384
stack_end:
	.section .note.GNU-stack, "", @progbits
