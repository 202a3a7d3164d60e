/* SPDX-License-Identifier: Apache-2.0 */
/* images.yml, with a topology of one node. */
#include "control/topology.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_nothing(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	return err_set(err, -ENOENT, "no file");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char text[] = "name: f\ntopology: {nodes: {r: {kind: linux, image: \"frr:8\"}}}\n";
	char *images = strndup((const char *)data, size);
	struct topology_conf conf = {.file = "f", .text = text, .len = sizeof(text) - 1,
				     .images = images, .read = read_nothing};
	struct topology *t = NULL;
	struct err err = {{0}};

	if (!images)
		return 0;
	if (topology_load(&conf, &t, &err) && (!err.text[0] || strchr(err.text, '\n')))
		abort();
	topology_free(t);
	free(images);
	return 0;
}
