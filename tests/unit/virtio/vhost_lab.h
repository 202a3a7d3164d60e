/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_VIRTIO_VHOST_LAB_H
#define TESTS_UNIT_VIRTIO_VHOST_LAB_H

/* A machine's NIC of four pairs of queues, its driver, and the back end that serves it. */

#include "tests/unit/virtio/backend.h"
#include "tests/unit/virtio/lab.h"
#include "virtio/net_priv.h"

#define BIT(n) (1ull << (n))

enum { HEADER = NET_HEADER, FRAME = 60 };

extern struct lab l;
extern struct backend b;

int set_up(void **state); /* nobody listens yet */
int tear_down(void **state);
#define ALONE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* All sides go on until it is so; false: it did not happen. */
bool until(bool (*true_now)(void));
bool linked(void);
bool not_linked(void);
bool served(void); /* the back end may serve the first pair */
bool reset_over(void);
extern uint64_t refused_before;
bool refused(void); /* once more than that */

/* A driver's reset and start; and before that, a back end. */
void start_driver(void);
void start(void);
/* One buffer for a frame; one frame. */
void give(unsigned pair);
void send_frame(unsigned pair, uint8_t what);
/* A frame, or the buffer of a sent one, is the driver's again. */
extern unsigned of_pair;
extern uint32_t written;
bool came(void);
bool went(void);
/* A frame comes back, and both buffers are the driver's again. */
void echoes(unsigned pair, uint8_t what);

#endif
