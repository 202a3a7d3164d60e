/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_HV_WEFT_VMM_GUEST_H
#define TESTS_UNIT_HV_WEFT_VMM_GUEST_H

/* One machine of weft-vmm's with a guest of the payload bed. Needs root and /dev/kvm. */
#include "tests/unit/hv/one.h"

/* PAYLOADS is beside the directory of this program. */
void guest(struct one *b, const char *payload);
/* With the guest "loop", which echoes. */
int set_up(void **state);
#define WITH_GUEST(test) cmocka_unit_test_setup_teardown(test, set_up, one_tear_down)

/* Its console's log has this. */
bool said(const struct one *b, const char *text);
/* Each of its threads has given up system calls. */
void assert_filtered(pid_t pid);
/* Makes new machines weft-vmm's; false, and a word: not here. */
bool weft_vmm_works(void);

#endif
