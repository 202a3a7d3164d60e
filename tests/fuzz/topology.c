/* SPDX-License-Identifier: Apache-2.0 */
/* A topology file; every file that it names is a few bytes long. */
#include "control/topology.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_little(void *arg, const char *path, void **bytes, size_t *len, struct err *err)
{
	*bytes = strdup("hostname x\n");
	*len = 11;
	return *bytes ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct topology_conf conf = {.file = "fuzz.clab.yml", .text = (const char *)data, .len = size,
				     .images = "- {match: \"*frr*\", guest: frr}\n"
					       "- {match: \"*\", host: true}\n",
				     .read = read_little};
	struct topology *t;
	struct err err = {{0}};

	if (topology_load(&conf, &t, &err)) {
		if (!err.text[0] || strchr(err.text, '\n'))
			abort();
		return 0;
	}
	for (unsigned i = 0; i < t->link_count; i++)
		for (unsigned k = 0; k < 2; k++)
			if (t->nodes[t->links[i].node[k]].ports[t->links[i].port[k]].link != i)
				abort();
	topology_free(t);
	return 0;
}
