/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FIB_PUBLISH_PRIV_H
#define FIB_PUBLISH_PRIV_H

/* What publish.c and flat.c have in common. */

#include "fib/fib_priv.h"

enum { FLAT_BYTES = (1 << 16) * 4, PAGE_LEVEL = 2 };

/* For readers. What the word refers to was written before. */
static inline void word_show(uint32_t *at, uint32_t word)
{
	if (*at != word)
		__atomic_store_n(at, word, __ATOMIC_RELEASE);
}

/* publish.c */

uint64_t word_charge(uint32_t word);
void word_drop(struct fib_arena *a, uint32_t word); /* FLAT allowed */

/* The words of the node's slots: its routes', and those of its kids. */
void slots_of(const struct rib_node *n, uint32_t slots[SLOTS]);

/* Where the word for a node is kept, once rib_place_find() has looked for it. */
void rib_place_find(struct rib_node *n);
uint32_t *word_of(struct changes *c, const struct rib_node *n);
void word_change(struct changes *c, struct rib_node *n, uint32_t word);

/* flat.c */

bool flat_has_pages(const struct changes *c);
/* Decides on c->flat, and takes an array if there is none. */
int flat_prepare(struct changes *c);
int flat_make_page(struct changes *c, struct rib_node *n);
void flat_show(struct changes *c);
/* An array came or went: what it stands for instead of, or what stands instead of it. */
void flat_settle(struct changes *c, uint32_t was, uint32_t root_was);
/* The node has neither routes nor kids any more. */
void flat_drop_page(struct changes *c, struct rib_node *n);

#endif
