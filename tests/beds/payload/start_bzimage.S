/* SPDX-License-Identifier: Apache-2.0 */
/* A payload as a bzImage: the setup header, and the 64-bit entry. */
	.section .setup, "a"
	.org 0x1f1
	.byte 1			/* setup_sects */
	.org 0x1fe
	.word 0xaa55
	.byte 0xeb, 0x6a	/* jump over the header */
	.ascii "HdrS"
	.word 0x020f
	.org 0x211
	.byte 1			/* loadflags: high */
	.org 0x22c
	.long 0x7fffffff	/* initrd_addr_max */
	.long 0x100000		/* kernel_alignment */
	.byte 0, 0
	.word 1			/* xloadflags: 64-bit entry */
	.long 2047
	.org 0x258
	.quad 0x100000		/* pref_address */
	.long 0x80000		/* init_size */
	.org 0x400

	.section .start, "ax"
	.code64
	.org 0x200
	lea stack_end(%rip), %rsp
	mov %rsi, %rdi
	call payload_main
	call power_off

	.bss
	.align 16
	.skip 16384
stack_end:
	.section .note.GNU-stack, "", @progbits
