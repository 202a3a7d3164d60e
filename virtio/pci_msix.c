/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X (PCI 3.0, 6.8.2). */
#include "virtio/pci_priv.h"

enum { WORD_ADDRESS, WORD_ADDRESS_HIGH, WORD_DATA, WORD_CONTROL, VECTOR_MASKED = 1 };

void msix_init(struct msix *m, const struct virtio_pci_host *host, unsigned count)
{
	*m = (struct msix){ .host = host, .count = count };
	for (unsigned i = 0; i < count; i++)
		m->vector[i].word[WORD_CONTROL] = VECTOR_MASKED;
}

bool msix_open(const struct msix *m, unsigned vector, struct msix_message *out)
{
	const struct msix_vector *v = &m->vector[vector < m->count ? vector : 0];

	*out = (struct msix_message){ v->word[WORD_ADDRESS] | (uint64_t)v->word[WORD_ADDRESS_HIGH] << 32,
				      v->word[WORD_DATA] };
	return vector < m->count && m->enabled && !m->masked && !(v->word[WORD_CONTROL] & VECTOR_MASKED);
}

void msix_raise(struct msix *m, unsigned vector)
{
	struct msix_message message;

	if (vector >= m->count || !m->enabled)
		return;
	m->vector[vector].pending = !msix_open(m, vector, &message);
	if (!m->vector[vector].pending)
		m->host->msi_send(m->host->arg, message.address, message.data);
}

static void unmasked(struct msix *m, unsigned vector)
{
	if (m->vector[vector].pending)
		msix_raise(m, vector);
}

void msix_control(struct msix *m, bool enabled, bool masked)
{
	m->enabled = enabled;
	m->masked = masked;
	for (unsigned i = 0; i < m->count; i++)
		unmasked(m, i);
}

uint32_t msix_read(const struct msix *m, uint32_t at)
{
	return at / 16 < m->count ? m->vector[at / 16].word[at / 4 % 4] : 0;
}

void msix_write(struct msix *m, uint32_t at, uint32_t value)
{
	unsigned vector = at / 16, word = at / 4 % 4;

	if (vector >= m->count)
		return;
	m->vector[vector].word[word] = word == WORD_CONTROL ? value & VECTOR_MASKED : value;
	unmasked(m, vector);
}

uint64_t msix_pending(const struct msix *m)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < m->count; i++)
		bits |= (uint64_t)m->vector[i].pending << i;
	return bits;
}
