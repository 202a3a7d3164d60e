/* SPDX-License-Identifier: Apache-2.0 */
/* MSI-X (PCI 3.0, 6.8.2). A vector's message is given to the machine when it is first unmasked, so
 * a vector that is not used costs nothing. */
#include "virtio/pci_priv.h"

#include <stddef.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { WORD_ADDRESS, WORD_ADDRESS_HIGH, WORD_DATA, WORD_CONTROL, VECTOR_MASKED = 1 };

void msix_init(struct msix *m, const struct virtio_pci_host *host, unsigned count)
{
	*m = (struct msix){ .host = host, .count = count };
	for (unsigned i = 0; i < count; i++) {
		m->vector[i].fd = -1;
		m->vector[i].word[WORD_CONTROL] = VECTOR_MASKED;
	}
}

void msix_fini(struct msix *m)
{
	for (unsigned i = 0; i < m->count; i++) {
		struct msix_vector *v = &m->vector[i];

		if (v->fd < 0)
			continue;
		m->host->msi_del(m->host->arg, v->fd, v->id);
		close(v->fd);
	}
}

/* The machine has the vector's message. */
static bool message_set(struct msix *m, struct msix_vector *v)
{
	uint64_t address = v->word[WORD_ADDRESS] | (uint64_t)v->word[WORD_ADDRESS_HIGH] << 32;

	if (v->fd < 0) {
		v->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (v->fd < 0)
			return false;
		if (m->host->msi_add(m->host->arg, v->fd, &v->id) < 0) {
			close(v->fd);
			v->fd = -1;
			return false;
		}
	}
	if (!v->set || v->changed)
		v->set = m->host->msi_set(m->host->arg, v->id, address, v->word[WORD_DATA]) == 0;
	v->changed = false;
	return v->set;
}

static bool open_to(const struct msix *m, const struct msix_vector *v)
{
	return m->enabled && !m->masked && !(v->word[WORD_CONTROL] & VECTOR_MASKED);
}

static void deliver(struct msix *m, struct msix_vector *v)
{
	v->pending = false;
	if (message_set(m, v))
		eventfd_write(v->fd, 1);
}

void msix_raise(struct msix *m, unsigned vector)
{
	struct msix_vector *v = &m->vector[vector];

	if (vector >= m->count || !m->enabled)
		return;
	if (open_to(m, v))
		deliver(m, v);
	else
		v->pending = true;
}

static void unmasked(struct msix *m, struct msix_vector *v)
{
	if (v->pending && open_to(m, v))
		deliver(m, v);
}

void msix_control(struct msix *m, bool enabled, bool masked)
{
	m->enabled = enabled;
	m->masked = masked;
	for (unsigned i = 0; i < m->count; i++)
		unmasked(m, &m->vector[i]);
}

uint32_t msix_read(const struct msix *m, uint32_t at)
{
	return at / 16 < m->count ? m->vector[at / 16].word[at / 4 % 4] : 0;
}

void msix_write(struct msix *m, uint32_t at, uint32_t value)
{
	struct msix_vector *v = &m->vector[at / 16 < m->count ? at / 16 : 0];
	unsigned word = at / 4 % 4;

	if (at / 16 >= m->count)
		return;
	v->changed |= word != WORD_CONTROL && v->word[word] != value;
	v->word[word] = word == WORD_CONTROL ? value & VECTOR_MASKED : value;
	unmasked(m, v);
}

void msix_connect(struct msix *m, unsigned vector, int fd, int *id)
{
	struct msix_vector *v = vector < m->count ? &m->vector[vector] : NULL;
	int want = v && open_to(m, v) && message_set(m, v) ? (int)v->id : -1;

	if (want == *id)
		return;
	if (*id >= 0)
		m->host->msi_detach(m->host->arg, fd, (unsigned)*id);
	*id = want >= 0 && m->host->msi_attach(m->host->arg, fd, (unsigned)want) == 0 ? want : -1;
}

uint64_t msix_pending(const struct msix *m)
{
	uint64_t bits = 0;

	for (unsigned i = 0; i < m->count; i++)
		bits |= (uint64_t)m->vector[i].pending << i;
	return bits;
}
