/* SPDX-License-Identifier: Apache-2.0 */
#include "hv/vmm/saved_priv.h"

#include "hv/vmm/debugger_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* One for all; a part that changes what it saves gets a number of its own. */
enum { VERSION = 1 };

struct machine_state {
	uint32_t memory_mib, cpus, split_rings, pad;
};

struct saved {
	int fd;
	uint8_t *bytes;
	size_t len;
	struct state state;
};

static int save_cpus(struct vmm *m, struct buf *out, struct err *err)
{
	for (unsigned i = 0; i < m->cpus; i++) {
		size_t at = state_section(out, STATE_CPU, i, VERSION);
		int code = vcpu_save(&m->kvm, vcpus_fd(m->vcpus, i), i, m->cpus, out);

		if (code)
			return err_sys(err, code, "CPU %u", i);
		state_end(out, at);
	}
	return 0;
}

static int save_functions(struct vmm *m, struct buf *out, struct err *err)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		size_t at;
		int code;

		if (!m->pci.function[i])
			continue;
		at = state_section(out, STATE_FUNCTION, i, VERSION);
		code = virtio_pci_save(m->pci.function[i], out, err);
		if (code)
			return code;
		state_end(out, at);
	}
	return 0;
}

static int save_sections(struct vmm *m, struct buf *out, struct err *err)
{
	const struct machine_state s = { m->memory_mib, m->cpus, m->split_rings, 0 };
	size_t at;
	int code;

	state_begin(out);
	at = state_section(out, STATE_MACHINE, 0, VERSION);
	buf_put(out, &s, sizeof(s));
	state_end(out, at);
	code = save_cpus(m, out, err);
	if (code)
		return code;
	at = state_section(out, STATE_CHIPS, 0, VERSION);
	code = kvm_save(&m->kvm, m->clock, out);
	if (code)
		return err_sys(err, code, "KVM's interrupt controllers");
	state_end(out, at);
	at = state_section(out, STATE_PORTS, 0, VERSION);
	saved_ports_save(m, out);
	state_end(out, at);
	code = save_functions(m, out, err);
	return code ? code : out->bad ? err_sys(err, -ENOMEM, "its state") : 0;
}

int vmm_save(struct vmm *m, int state, int ram, struct err *err)
{
	struct buf out = { 0 };
	uint64_t pages = 0;
	int code;

	if (m->running || m->end)
		return err_set(err, -EBUSY, "only a machine that is paused can be saved");
	if (m->debugger && debugger_is_used(m->debugger))
		return err_set(err, -EBUSY, "a debugger has the machine");
	pthread_mutex_lock(&m->lock);
	code = save_sections(m, &out, err);
	pthread_mutex_unlock(&m->lock);
	if (!code && ram >= 0)
		code = saved_memory_write(&m->memory, ram, 0, err);
	else if (!code)
		code = saved_memory_write_pages(&m->memory, state, out.len, &pages, err);
	state_finish(&out, pages);
	if (!code && pwrite(state, out.data, out.len, 0) != (ssize_t)out.len)
		code = err_sys(err, -errno, "writing the state");
	buf_free(&out);
	return code;
}

int saved_vm_open(int fd, struct saved **out, struct err *err)
{
	struct saved *s = calloc(1, sizeof(*s));
	int code;

	if (!s)
		return err_sys(err, -ENOMEM, "the saved state");
	s->fd = fd;
	code = state_load_file(fd, &s->bytes, &s->len, err);
	if (!code)
		code = state_parse(&s->state, s->bytes, s->len, err);
	if (code) {
		saved_vm_close(s);
		return err_prefix(err, code, "the saved state");
	}
	*out = s;
	return 0;
}

void saved_vm_close(struct saved *s)
{
	if (!s)
		return;
	free(s->bytes);
	free(s);
}

int saved_machine(struct saved *s, unsigned *memory_mib, unsigned *cpus, bool *split_rings,
		  struct err *err)
{
	static const char name[] = "the machine's own part";
	struct machine_state ms;
	struct rd in;
	int code = state_take(&s->state, STATE_MACHINE, 0, VERSION, name, &in, err);

	if (code)
		return err_prefix(err, code, "the saved state");
	rd_copy(&in, &ms, sizeof(ms));
	code = state_read(&in, name, err);
	*memory_mib = ms.memory_mib;
	*cpus = ms.cpus;
	*split_rings = ms.split_rings;
	return code ? err_prefix(err, code, "the saved state") : 0;
}

static int load_cpus(struct saved *s, struct vmm *m, struct err *err)
{
	for (unsigned i = 0; i < m->cpus; i++) {
		struct rd in;
		int code = state_take(&s->state, STATE_CPU, i, VERSION, "a CPU", &in, err);

		if (!code)
			code = vcpu_load(&m->kvm, vcpus_fd(m->vcpus, i), i, m->cpus, &in, err);
		if (!code)
			code = state_read(&in, "a CPU", err);
		if (code)
			return code;
	}
	return 0;
}

static int load_chips(struct saved *s, struct vmm *m, struct err *err)
{
	struct rd in;
	int code = state_take(&s->state, STATE_CHIPS, 0, VERSION, "KVM's part", &in, err);

	if (!code)
		code = kvm_load(&m->kvm, &m->clock, &in, err);
	if (!code)
		code = state_read(&in, "KVM's part", err);
	if (code)
		return code;
	code = state_take(&s->state, STATE_PORTS, 0, VERSION, "the ports' part", &in, err);
	if (!code && (saved_ports_load(m, &in) < 0 || in.bad || in.left))
		code = err_set(err, -EBADMSG, "the ports' part is wrong");
	return code;
}

/* Those that the saved machine had. Others are as new, and the guest finds them when it looks. */
static int load_functions(struct saved *s, struct vmm *m, struct err *err)
{
	for (unsigned i = 0; i < PCI_FUNCTIONS; i++) {
		struct rd in;
		int code;

		if (!m->pci.function[i] || !state_has(&s->state, STATE_FUNCTION, i))
			continue;
		code = state_take(&s->state, STATE_FUNCTION, i, VERSION, "a device", &in, err);
		if (!code)
			code = virtio_pci_load(m->pci.function[i], &in, err);
		if (code)
			return err_prefix(err, code, "PCI slot %u.%u", i / 8, i % 8);
	}
	return 0;
}

int saved_load(struct saved *s, struct vmm *m, struct err *err)
{
	int code = saved_memory_read_pages(&m->memory, s->fd, s->len, s->state.pages, err);

	if (!code)
		code = load_cpus(s, m, err);
	if (!code)
		code = load_chips(s, m, err);
	if (!code)
		code = load_functions(s, m, err);
	if (!code)
		code = state_all_taken(&s->state, err);
	return code ? err_prefix(err, code, "the saved state") : 0;
}
