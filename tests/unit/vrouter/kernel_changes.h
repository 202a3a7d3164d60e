/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VROUTER_KERNEL_CHANGES_H
#define TESTS_UNIT_VROUTER_KERNEL_CHANGES_H

/* Random changes of a kernel's routing, as lines for `ip -batch`, and random destinations that
 * they touch. The same seed gives the same. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { KERNEL_PORTS = 4 }; /* p0 ... p3, their other ends w0 ... w3; q0 is no port */

struct changes {
	uint64_t state;
	bool plain; /* only what the engine can represent: nothing of it may be punted */
};

unsigned changes_random(struct changes *c, unsigned below);

/* One line, no newline. */
void changes_line(struct changes *c, char *line, size_t size);

/* An address near what the lines name. */
void changes_destination(struct changes *c, unsigned family, uint8_t addr[16]);

#endif
