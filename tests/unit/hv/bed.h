/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_HV_BED_H
#define TESTS_UNIT_HV_BED_H

/* Two machines, with real QEMU processes that sit in the firmware, for the tests of saved ones.
 * Their memory is read and written through /proc/PID/mem. Needs root. */
#include "hv/hv.h"
#include "tests/unit/test.h"

#include <sys/stat.h>

enum { UID = 64133, MEMORY_MIB = 32, MEMORY = MEMORY_MIB << 20, PAGE = 4096 };

struct guest {
	struct bed *bed;
	char name[8], dir[100], local[120];
	struct hv_nic nic;
	struct hv_conf conf;
	struct hv_machine *m;
	unsigned seen[HV_NOT_SAVED + 1];
	char reason[512];
};

struct bed {
	char top[64], peer[100];
	struct event_base *base;
	struct guest a, b;
};

void seen(struct hv_machine *m, enum hv_event ev, const char *reason, void *arg);
/* Runs the loop until the event, for WAIT_S at most, and forgets it. */
void await(struct guest *g, enum hv_event ev);
int set_up(void **state);
void gone(struct guest *g);
void stop(struct guest *g);
int tear_down(void **state);
void start(struct guest *g, const char *from, bool paused);
void pause_guest(struct guest *g);
void save(struct guest *g, const char *dir, bool as_template);
/* A path below the bed's directory. */
const char *below(const struct bed *b, const char *name);
struct stat stat_of(const struct bed *b, const char *name);
/* Nothing of an unfinished save is left. */
void assert_no_leftovers(const struct bed *b, const char *where);
void busy_firmware(void);
void peek(struct guest *g, size_t at, void *bytes, size_t len, bool poke);
uint8_t *read_memory(struct guest *g);
void assert_memory(struct guest *g, const uint8_t *want);
/* a becomes a template "t" with some bytes that are known, and goes away. */
uint8_t *make_template(struct bed *b);
/* Pages of all kinds: changed, new, zeroed. Returns all of g's memory. */
uint8_t *change(struct guest *g);

#define WITH_BED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Whether the tests can run here; gives them mounts of their own. */
bool bed_possible(void);

#endif
