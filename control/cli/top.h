/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CONTROL_CLI_TOP_H
#define CONTROL_CLI_TOP_H

/* `weft top`: what its two views share. */

#include "control/cli/cli.h"
#include "control/cli/client.h"
#include "control/cli/table.h"

#include <jansson.h>
#include <stdint.h>

struct top {
	double interval;     /* seconds */
	unsigned long count; /* samples, 0: until it is stopped */
};

/* Of what is in one vnet, and of the workers. See client.h for errors. */
int top_vnet(const struct cli *cli, struct client *client, const char *vnet, const struct top *top,
	     struct err *err);

double top_now(void); /* seconds of a steady clock */
/* A second. 0 where the count began anew, with another engine. */
double top_rate(uint64_t now, uint64_t before, double seconds);
/* Of two objects of counts by reason: of those that grew, how much a second. */
json_t *top_drops(const json_t *now, const json_t *before, double seconds);

void top_cell(struct table *t, double rate);
/* Two cells: all drops, and the reason with most. */
void top_cell_drops(struct table *t, const json_t *drops);
/* Around what one look shows: a terminal is cleared, other output parted by empty lines. */
void top_begin(void);
void top_end(void);

#endif
