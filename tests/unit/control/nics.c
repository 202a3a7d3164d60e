/* SPDX-License-Identifier: Apache-2.0 */
#include "control/nics.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct topology_port ports[2][TOPOLOGY_PORTS_MAX];

/* A router of these ports; the digit at a name's end is in its MAC. */
static struct topology_node node(unsigned which, unsigned count, const char *const names[], unsigned spare)
{
	for (unsigned i = 0; i < count; i++) {
		struct topology_port *p = &ports[which][i];

		*p = (struct topology_port){ .mtu = 1500, .mac = { 2, 0, 0, 0, 0 } };
		snprintf(p->name, sizeof(p->name), "%s", names[i]);
		p->mac[5] = (uint8_t)names[i][strlen(names[i]) - 1];
	}
	return (struct topology_node){ .name = "r1", .port_count = count, .ports = ports[which],
				       .spare_nics = spare };
}

#define NODE(which, spare, ...)                                                                  \
	node(which, sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *),              \
	     (const char *const[]){ __VA_ARGS__ }, spare)

/* "e1 e2! - -": what is on which NIC, ! for what the guest has not been told. */
static void is(const struct nics *nics, const char *want)
{
	char text[1024] = "";

	for (unsigned i = 0; i < nics->count; i++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s%s", i ? " " : "",
			 nics->nic[i].port[0] ? nics->nic[i].port : "-", nics->nic[i].told ? "" : "!");
	assert_string_equal(text, want);
}

static void a_machine_starts(void **state)
{
	struct topology_node n = NODE(0, 2, "e1", "e2");
	struct nics nics = { 0 };

	nics_start(&nics, &n);
	is(&nics, "e1 e2 - -");
	assert_memory_equal(nics.nic[0].hw, n.ports[0].mac, 6);
	assert_int_equal(nics.nic[2].hw[0], 0x06);
	assert_memory_not_equal(nics.nic[2].hw, nics.nic[3].hw, 6);
	assert_int_equal(nics_spare(&nics), 2);
	n.vhost_user = true;
	nics_start(&nics, &n);
	is(&nics, "e1 e2");
	n.vhost_user = false;
	n.intake = TOPOLOGY_INTAKE_FPM; /* nobody in it makes a spare one a port */
	nics_start(&nics, &n);
	is(&nics, "e1 e2");
}

static void ports_come_and_go(void **state)
{
	struct topology_node was = NODE(0, 2, "e1", "e2"), next;
	struct nics nics = { 0 };
	char why[128] = "";
	uint8_t spare[6];

	nics_start(&nics, &was);
	next = NODE(1, 2, "e3", "e2"); /* in another order, and one for another */
	assert_true(nics_change(&nics, &was, &next, why, sizeof(why)));
	is(&nics, "e3! e2 - -");
	was = NODE(0, 2, "e3", "e2");
	next = NODE(1, 2, "e1", "e2", "e3");
	memcpy(spare, nics.nic[2].hw, 6);
	assert_true(nics_change(&nics, &was, &next, why, sizeof(why)));
	is(&nics, "e3! e2 e1! -");
	/* The machine starts again: each stays where the engine's routes have it. */
	nics_start(&nics, &next);
	is(&nics, "e3 e2 e1 - -");
	assert_memory_equal(nics.nic[2].hw, spare, 6);
	was = NODE(0, 2, "e1", "e2", "e3");
	next = NODE(1, 2, "e2");
	assert_true(nics_change(&nics, &was, &next, why, sizeof(why)));
	is(&nics, "-! e2 -! - -");
	nics_start(&nics, &next); /* what is more than enough goes, at the end */
	is(&nics, "- e2 -");
	next = NODE(1, 0, "e2", "e9");
	nics_start(&nics, &next);
	is(&nics, "- e2 - e9");
}

static void its_own_address_is_preferred(void **state)
{
	struct topology_node was = NODE(0, 1, "e1", "e2"), next = NODE(1, 1, "e7", "e8");
	struct nics nics = { 0 };
	char why[128] = "";

	nics_start(&nics, &was);
	next = NODE(1, 1, "e3");
	assert_true(nics_change(&nics, &was, &next, why, sizeof(why)));
	is(&nics, "e3! -! -");
	was = NODE(0, 1, "e3");
	next = NODE(1, 1, "e3", "e4", "e2");
	memcpy(nics.nic[2].hw, next.ports[2].mac, 6);
	assert_true(nics_change(&nics, &was, &next, why, sizeof(why)));
	is(&nics, "e3! e4! e2!");
}

static void what_takes_a_restart(void **state)
{
	struct topology_node was = NODE(0, 1, "e1"), next = NODE(1, 1, "e1", "e2", "e3");
	struct nics nics = { 0 }, first;
	char why[128] = "";

	nics_start(&nics, &was);
	first = nics;
	assert_false(nics_change(&nics, &was, &next, why, sizeof(why)));
	assert_string_equal(why, "no spare NIC is left for e3");
	next = NODE(1, 1, "e1", "e2");
	next.ports[1].mtu = 9000;
	nics = first;
	assert_false(nics_change(&nics, &was, &next, why, sizeof(why)));
	assert_string_equal(why, "no spare NIC takes the mtu for e2");
	next = NODE(1, 1, "e1");
	next.ports[0].mtu = 9000;
	nics = first;
	assert_false(nics_change(&nics, &was, &next, why, sizeof(why)));
	assert_string_equal(why, "the NIC of e1 takes an mtu of 1500 at most");
	next.ports[0].mtu = 1400;
	nics = first;
	assert_true(nics_change(&nics, &was, &next, why, sizeof(why)));
	is(&nics, "e1! -");
	was.vhost_user = next.vhost_user = true;
	nics = first;
	assert_false(nics_change(&nics, &was, &next, why, sizeof(why)));
	assert_true(nics_change(&nics, &was, &was, why, sizeof(why)));
	was.vhost_user = next.vhost_user = false;
	was.intake = next.intake = TOPOLOGY_INTAKE_FPM;
	nics = first;
	assert_false(nics_change(&nics, &was, &next, why, sizeof(why)));
	assert_string_equal(why, "it has no agent that could be told (intake: fpm)");
	assert_true(nics_change(&nics, &was, &was, why, sizeof(why)));
}

/* Any number of edits and restarts: each port is on one NIC, each NIC has an address of its own. */
static void random_edits(void **state)
{
	const char *names[TOPOLOGY_PORTS_MAX];
	char text[TOPOLOGY_PORTS_MAX][8], why[128];
	struct topology_node was = NODE(0, 0, "p0"), next;
	struct nics nics = { 0 }, tried;
	unsigned which = 0, changed = 0;

	srandom(1);
	nics_start(&nics, &was);
	for (unsigned round = 0; round < 20000; round++) {
		unsigned count = 0;

		for (unsigned i = 0; i < 80 && count < TOPOLOGY_PORTS_MAX; i++) {
			if (random() % 20)
				continue;
			snprintf(text[count], sizeof(text[count]), "p%u", i);
			names[count] = text[count];
			count++;
		}
		which = !which;
		next = node(which, count, names, (unsigned)random() % 70);
		for (unsigned i = 0; i < count; i++)
			ports[which][i].mac[4] = (uint8_t)atoi(names[i] + 1);
		tried = nics;
		if (random() % 4 && nics_change(&tried, &was, &next, why, sizeof(why))) {
			nics = tried;
			changed++;
		} else {
			nics_start(&nics, &next);
		}
		for (unsigned i = 0; i < count; i++)
			assert_true(nics_find(&nics, names[i]) >= 0);
		assert_int_equal(nics.count - nics_spare(&nics), count);
		assert_true(nics.count <= TOPOLOGY_PORTS_MAX);
		was = next;
	}
	assert_true(changed > 100);
}

static void reads_back(void **state)
{
	struct topology_node n = NODE(0, 2, "e1", "e2");
	struct nics nics = { 0 }, back;
	struct buf text = { 0 };

	nics_start(&nics, &n);
	nics.nic[1].told = false;
	nics_text(&nics, &text);
	buf_u8(&text, 0);
	assert_int_equal(nics_parse((const char *)text.data, &back), 0);
	assert_memory_equal(&nics, &back, sizeof(nics));
	buf_free(&text);
	assert_int_equal(nics_parse("", &back), 0);
	assert_int_equal(back.count, 0);
	assert_int_equal(nics_parse("02:00:00:00:00:01 1500 1 e1", &back), -EINVAL);
	assert_int_equal(nics_parse("02:00:00:00:00:01 1500 e1\n", &back), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_starts),
		cmocka_unit_test(ports_come_and_go),
		cmocka_unit_test(its_own_address_is_preferred),
		cmocka_unit_test(what_takes_a_restart),
		cmocka_unit_test(random_edits),
		cmocka_unit_test(reads_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
