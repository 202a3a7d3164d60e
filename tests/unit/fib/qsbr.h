/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_FIB_QSBR_H
#define TESTS_UNIT_FIB_QSBR_H

#include "tests/unit/test.h"

#include <stdlib.h>

#include <rte_rcu_qsbr.h>

/* For so many readers, all registered and offline; to be freed. */
static inline struct rte_rcu_qsbr *qsbr_new(uint32_t readers)
{
	size_t size = rte_rcu_qsbr_get_memsize(readers);
	struct rte_rcu_qsbr *qsbr = aligned_alloc(64, (size + 63) & ~(size_t)63);

	assert_non_null(qsbr);
	assert_int_equal(rte_rcu_qsbr_init(qsbr, readers), 0);
	for (unsigned i = 0; i < readers; i++)
		assert_int_equal(rte_rcu_qsbr_thread_register(qsbr, i), 0);
	return qsbr;
}

#endif
