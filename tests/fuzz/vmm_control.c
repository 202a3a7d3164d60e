/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the control socket, against a machine that is none. */
#include "hv/vmm/control_priv.h"

#include <errno.h>
#include <event2/buffer.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

const char *vmm_end_name(enum vmm_end end)
{
	return "";
}

void vmm_run(struct vmm *m)
{
}

void vmm_pause(struct vmm *m)
{
}

void vmm_stop(struct vmm *m)
{
}

int vmm_save(struct vmm *m, int state, int ram, struct err *err)
{
	return -EBUSY;
}

int vmm_dump(struct vmm *m, int fd, struct err *err)
{
	return -EIO;
}

int vmm_registers(struct vmm *m, unsigned cpu, struct vmm_registers *out)
{
	*out = (struct vmm_registers){ { 1 } };
	return 0;
}

int vmm_balloon(struct vmm *m, unsigned mib)
{
	return mib > 16 ? -EINVAL : 0;
}

int vmm_carrier(struct vmm *m, unsigned nic, bool up)
{
	return nic ? -ENOENT : 0;
}

void vmm_status(struct vmm *m, struct vmm_status *out)
{
	*out = (struct vmm_status){ .name = "fuzz", .cpus = 2, .nic_count = 1, .balloon = true };
}

bool vmm_nic_status(struct vmm *m, unsigned nic, struct virtio_net_status *out)
{
	*out = (struct virtio_net_status){ "relay", true, 1 };
	return true;
}

bool vmm_nic_counter(struct vmm *m, unsigned nic, unsigned i, const char **name, uint64_t *value)
{
	*name = "frames";
	*value = 1;
	return i == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct control_files none = { 0 };
	struct evbuffer *out = evbuffer_new();
	const uint8_t *end;

	for (; size; data = end + 1) {
		end = memchr(data, '\n', size);
		if (!end || control_line(NULL, (const char *)data, (size_t)(end - data), &none,
					 out) != CONTROL_GO_ON)
			break;
		size -= (size_t)(end - data) + 1;
	}
	evbuffer_free(out);
	return 0;
}
